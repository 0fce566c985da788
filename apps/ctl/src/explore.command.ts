/**
 * `sagamore explore`: plays a saga under every fault and prints how much was tried, or the smallest schedule that fails.
 */
import { explore, ExplorationMistake, type Explored, type Failure } from '@sagamore/testing/explorer';
import { Complaint } from './complaint.js';
import { loadExploration } from './exploration-file.js';
import type { Terminal } from './terminal.js';

export interface ExploreFlags {
  /** Schedules of two faults at most. */
  readonly pairs: number;
  readonly json?: boolean;
}

/** Answers the code to end with: 0 where the saga withstands, 1 where a schedule fails. Throws a `Complaint`. */
export async function exploreCommand(name: string, flags: ExploreFlags, terminal: Terminal): Promise<number> {
  const exploration = await loadExploration(name);
  const explored = await search(exploration, flags, terminal);
  if (flags.json === true) terminal.line(JSON.stringify(explored, null, 2));
  else print(explored, terminal);
  return explored.failure === undefined ? 0 : 1;
}

async function search(
  exploration: Parameters<typeof explore>[0],
  { pairs: pairsMax }: ExploreFlags,
  terminal: Terminal,
): Promise<Explored> {
  const { name } = exploration.definition;
  try {
    return await explore(exploration, {
      pairsMax,
      onProgress: ({ tried, planned, what }) => {
        if (tried % 10 === 0) terminal.progress(`${name}: ${tried} of ${planned} schedules, now ${what}`);
      },
    });
  } catch (error) {
    if (error instanceof ExplorationMistake) throw new Complaint(`${error.message}.`);
    throw error;
  } finally {
    terminal.settle();
  }
}

function print(explored: Explored, terminal: Terminal): void {
  const { definition, version, courses, failure } = explored;
  const { bold } = terminal.colours;
  terminal.line(bold(`${definition} ${version}`));
  terminal.line();
  if (courses.length > 0) printCourses(explored, terminal);
  if (failure === undefined) printSuccess(explored, terminal);
  else printFailure(explored.tried, failure, terminal);
}

function printCourses({ courses, pairs }: Explored, terminal: Terminal): void {
  const rows = courses.map(({ told, writes, messages, tried }) => [
    told,
    ...[writes, messages, tried].map(String),
  ]);
  const both = pairs.of > 0 ? [['two faults at once', '', '', `${pairs.tried} of ${pairs.of}`]] : [];
  terminal.table(
    [
      { head: 'course' },
      { head: 'writes', align: 'right' },
      { head: 'messages', align: 'right' },
      { head: 'schedules', align: 'right' },
    ],
    [...rows, ...both],
  );
  terminal.line();
}

function printSuccess({ tried }: Explored, terminal: Terminal): void {
  const { colours } = terminal;
  terminal.line(`${colours.green('✔')} ${tried} schedules tried; each ended done or not done, never half`);
}

function printFailure(tried: number, { told, findings, story }: Failure, terminal: Terminal): void {
  const { colours } = terminal;
  const line = (text?: string) => terminal.line(text);
  const moves = told.length === 0 ? ['nothing goes wrong at all'] : told;
  line(`${colours.red('✘')} ${colours.bold('The smallest schedule that fails')}, of ${tried} tried`);
  moves.forEach((move, index) => line(`  ${index + 1}. ${move}`));
  line();
  line(colours.bold('What is wrong then'));
  for (const finding of findings) line(`  ${colours.red('•')} ${finding}`);
  line();
  line(colours.bold('What happened'));
  for (const happened of story) line(`  ${colours.dim(happened)}`);
}
