/** Tenant and priority as two columns keep them. Null says that nothing was said. */
import type { Precedence } from '@sagamore/runtime';

export interface StoredPrecedence {
  readonly tenant: string | null;
  readonly priority: number | null;
}

export function toPrecedence({ tenant, priority }: StoredPrecedence): Precedence {
  return { ...(tenant !== null && { tenant }), ...(priority !== null && { priority }) };
}
