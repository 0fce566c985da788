/**
 * How a transaction stands against the others where not everything can be sent at once: for whom it runs, and how urgent it
 * is. It comes with the start, is kept in the row, and a child has that of its parent. Words and a check alone.
 */

export interface Precedence {
  /** For whom it runs: tenants take turns (S90). Default: one that all share. */
  readonly tenant?: string | undefined;
  /** From 0, the default, to 9: the higher, the sooner among those of its tenant, within the limit of ageing (S89). */
  readonly priority?: number | undefined;
}

export const tenantCharactersMax = 100;
export const priorityMax = 9;

/** Whether a body that came over the wire says it rightly, or not at all (B96). */
export function hasPrecedence(data: object): boolean {
  const { tenant = '', priority = 0 } = data as { tenant?: unknown; priority?: unknown };
  return (
    typeof tenant === 'string' &&
    tenant.length <= tenantCharactersMax &&
    !tenant.includes('\0') &&
    typeof priority === 'number' &&
    Number.isInteger(priority) &&
    priority >= 0 &&
    priority <= priorityMax
  );
}

/** Those words and no others; nothing where nothing was said. */
export function precedenceOf({ tenant, priority }: Precedence): Precedence {
  return { ...(tenant !== undefined && { tenant }), ...(priority !== undefined && { priority }) };
}
