/**
 * Every check of the audit, in the order of its report: by the number of the invariant, the rules of the road last.
 * A new check joins the file of its subject and is found here.
 */
import type { Check } from '../check.js';
import { clientChecks } from './client.checks.js';
import { effectChecks } from './effect.checks.js';
import { endChecks } from './end.checks.js';
import { moneyChecks } from './money.checks.js';
import { stockChecks } from './stock.checks.js';
import { transactionChecks } from './transaction.checks.js';

export const checks: readonly Check[] = [
  ...stockChecks,
  ...moneyChecks,
  ...effectChecks,
  ...transactionChecks,
  ...endChecks,
  ...clientChecks,
].sort((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : 0));
