/**
 * `sagamore transactions`: what an operator asks of running transactions, over REST: list, show, resume, cancel.
 */
import type { Command } from 'commander';
import { OrchestratorClient, type Shown, type Summary } from './orchestrator.client.js';
import { withDoor, type DoorFlags } from './rest.js';
import type { Terminal } from './terminal.js';

interface ListFlags extends DoorFlags {
  readonly status?: string;
  readonly definition?: string;
  readonly limit: string;
  readonly cursor?: string;
}

interface WishFlags extends DoorFlags {
  readonly reason: string;
}

const whom = { name: 'orchestrator', url: 'http://127.0.0.1:3001' };

/** Adds the commands to the program. Each ends with 0, or throws a `Complaint`. */
export function addTransactions(sagamore: Command, terminal: Terminal): void {
  const transactions = sagamore
    .command('transactions')
    .description('what runs at an orchestrator, and how an operator helps it on');
  withDoor(transactions.command('list'), whom)
    .description('the newest transactions')
    .option('--status <status>', 'only those that stand so, e.g. parked')
    .option('--definition <name>', 'only those of this definition')
    .option('--limit <count>', 'how many, at most 500', '20')
    .option('--cursor <id>', 'those behind this one')
    .action((flags: ListFlags) => list(flags, terminal));
  withDoor(transactions.command('show'), whom)
    .description('one transaction with its timeline')
    .argument('<id>')
    .action((id: string, flags: DoorFlags) => show(id, flags, terminal));
  for (const what of ['resume', 'cancel'] as const)
    withDoor(transactions.command(what), whom)
      .description(
        what === 'resume' ? 'lets a parked or paused one go on' : 'stops it and undoes what was done',
      )
      .argument('<id>')
      .requiredOption('--reason <text>', 'why; kept in the audit')
      .action((id: string, flags: WishFlags) => wish(what, id, flags, terminal));
}

async function list(flags: ListFlags, terminal: Terminal): Promise<void> {
  const { status, definition, limit, cursor } = flags;
  const filter = {
    limit,
    ...(status && { status }),
    ...(definition && { definition }),
    ...(cursor && { cursor }),
  };
  const page = await new OrchestratorClient(flags).list(filter);
  if (flags.json === true) return terminal.line(JSON.stringify(page, null, 2));
  const { items, nextCursor } = page;
  if (items.length === 0) return terminal.line('No transaction is like that.');
  terminal.table(
    [{ head: 'transaction' }, { head: 'definition' }, { head: 'status' }, { head: 'since' }, { head: 'why' }],
    items.map((item) => [item.transactionId, named(item), item.status, item.updatedAt, whyOf(item)]),
  );
  if (nextCursor !== null) terminal.line(terminal.colours.dim(`more: --cursor ${nextCursor}`));
}

async function show(id: string, flags: DoorFlags, terminal: Terminal): Promise<void> {
  const shown = await new OrchestratorClient(flags).show(id);
  if (flags.json === true) terminal.line(JSON.stringify(shown, null, 2));
  else print(shown, terminal);
}

function print(shown: Shown, terminal: Terminal): void {
  const why = whyOf(shown);
  terminal.line(`${terminal.colours.bold(shown.transactionId)}  ${named(shown)}`);
  terminal.line(`${shown.status}${why === '' ? '' : `: ${why}`}, since ${shown.updatedAt}`);
  if (shown.steps.length === 0) return;
  terminal.line();
  terminal.table(
    [
      { head: 'step' },
      { head: 'half' },
      { head: 'outcome' },
      { head: 'attempts', align: 'right' },
      { head: 'at' },
    ],
    shown.steps.map(({ name, operation, outcome, attempts, at }) => [
      name,
      operation,
      outcome,
      String(attempts),
      at,
    ]),
  );
}

async function wish(
  what: 'resume' | 'cancel',
  id: string,
  flags: WishFlags,
  terminal: Terminal,
): Promise<void> {
  await new OrchestratorClient(flags).wish(id, what, flags.reason);
  if (flags.json === true) return terminal.line(JSON.stringify({ transactionId: id, accepted: what }));
  terminal.line(
    `${terminal.colours.green('✔')} ${what} is saved; see what comes of it with: transactions show ${id}`,
  );
}

function named({ definition, version }: Summary): string {
  return `${definition} ${version}`;
}

/** The reason in one line: what kind it is, where, and the word that was said. */
function whyOf({ reason }: Summary): string {
  const { kind, step, code } = reason ?? {};
  const said = [kind, code].filter((word) => typeof word === 'string').join(' ');
  return typeof step === 'string' ? `${said} at ${step}` : said;
}
