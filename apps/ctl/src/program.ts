/**
 * The command line `sagamore` as a whole: which commands there are, what each takes, and with which code it ends. It holds
 * no work of its own.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { Complaint } from './complaint.js';
import { addConsumers } from './consumers.command.js';
import { exploreCommand, type ExploreFlags } from './explore.command.js';
import { Terminal, type Streams } from './terminal.js';
import { addTransactions } from './transactions.command.js';

/** Runs one command and answers the code to end with: 0 all is well · 1 the answer is no · 2 it could not be asked. */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  const terminal = new Terminal(streams);
  let code = 0;
  const end = (given: number) => (code = given);
  try {
    await program(terminal, streams, end).parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof Complaint)) throw error;
    terminal.complain(`${terminal.colours.red('✘')} ${error.message}`);
    return 2;
  }
}

function program(terminal: Terminal, { out, err }: Streams, end: (code: number) => void): Command {
  const sagamore = new Command('sagamore')
    .description(
      'Explores sagas under every fault, and operates running transactions and the services that carry them.',
    )
    .exitOverride()
    .configureOutput({ writeOut: (text) => void out.write(text), writeErr: (text) => void err.write(text) })
    .showHelpAfterError('Add --help to see what can be said.');
  addExplore(sagamore, terminal, end);
  addTransactions(sagamore, terminal);
  addConsumers(sagamore, terminal);
  return sagamore;
}

function addExplore(sagamore: Command, terminal: Terminal, end: (code: number) => void): void {
  sagamore
    .command('explore')
    .description('plays a saga with a fault at each durable write and message; ends with 1 where one fails')
    .argument(
      '<module>',
      'a module that exports an exploration; behind a # the export, where it is not the default',
    )
    .addOption(
      new Option('--pairs <count>', 'schedules of two faults at most').default(1_000).argParser(wholeNumber),
    )
    .option('--json', 'the result as JSON, for machines')
    .action(async (name: string, flags: ExploreFlags) => end(await exploreCommand(name, flags, terminal)));
}

/** A count as a person writes it. */
export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number is wanted.');
}
