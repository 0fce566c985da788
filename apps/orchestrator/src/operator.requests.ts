/**
 * What may be sent to the operators' API, and how it is read. Strict: what is not asked for is refused, not ignored. The
 * payload of a signal and the input of a start are the definition's business, and are checked by its schemas.
 */
import { halves } from '@sagamore/engine';
import { isUuid } from '@sagamore/primitives';
import { priorityMax, tenantCharactersMax } from '@sagamore/runtime';
import { z } from 'zod';

const limitMax = 500;

const definitionName = z.string().regex(/^[a-z][a-z0-9-]{0,99}$/);

/** Every status that a protocol of ours can stand in. */
const statuses = [
  'begun',
  'executing',
  'compensating',
  'completed',
  'compensated',
  'terminated',
  'trying',
  'confirming',
  'cancelling',
  'confirmed',
  'cancelled',
  'preparing',
  'committing',
  'aborting',
  'committed',
  'aborted',
  'prepared',
  'delivering',
  'delivered',
  'discarded',
  'parked',
] as const;

export const listQuery = z.strictObject({
  status: z.enum(statuses).optional(),
  definition: definitionName.optional(),
  limit: z.coerce.number().int().min(1).max(limitMax).default(50),
  cursor: z.string().refine(isUuid, 'expected a cursor of an earlier answer').optional(),
});

export const startBody = z.strictObject({
  definition: definitionName,
  input: z.json(),
  tenant: z
    .string()
    .min(1)
    .max(tenantCharactersMax)
    .regex(/^[^\0]*$/)
    .optional(),
  priority: z.int().min(0).max(priorityMax).optional(),
});

const reason = z.string().trim().min(1).max(500);
/** The version on which the operator decided, as the transaction's view shows it; another one by now is a 409 (S94). */
const journalVersion = z.int().min(0).optional();

export const wishBody = z.strictObject({ reason, journalVersion });

const half = {
  step: z.string().min(1).max(200),
  operation: z.enum(halves).default('action'),
};

export const skipBody = z.strictObject({ ...half, reason, journalVersion });

export const setResultBody = z.strictObject({ ...half, output: z.json(), reason, journalVersion });

/** How a person has settled a branch in its database. */
export const outcomeBody = z.strictObject({
  outcome: z.enum(['committed', 'rolled-back']),
  reason,
  journalVersion,
});

export const signalName = /^[A-Za-z][A-Za-z0-9_.-]{0,99}$/;

export const signalBody = z.strictObject({
  payload: z.json().default(null),
  reason: reason.default('signalled'),
});

/** A bulk job must say whom it means: an empty filter would reach everybody. */
export const bulkBody = z.strictObject({
  action: z.enum(['resume', 'cancel']),
  filter: z
    .strictObject({ status: z.enum(statuses).optional(), definition: definitionName.optional() })
    .refine(
      ({ status, definition }) => status !== undefined || definition !== undefined,
      'name a status or a definition',
    ),
  perSecond: z.int().min(1).max(1_000),
  reason,
});

export type BulkBody = z.infer<typeof bulkBody>;
export type ListQuery = z.infer<typeof listQuery>;
export type StartBody = z.infer<typeof startBody>;
export type WishBody = z.infer<typeof wishBody>;
export type SkipBody = z.infer<typeof skipBody>;
export type SetResultBody = z.infer<typeof setResultBody>;
export type OutcomeBody = z.infer<typeof outcomeBody>;
export type SignalBody = z.infer<typeof signalBody>;
