/**
 * What an exploration has found, in plain text for people. Colours and tables of a terminal are for whoever prints it.
 */
import type { Explored, Failure } from './explore.js';

/** The exploration in lines: how much was tried, and the smallest schedule that fails, with its story. */
export function reportOf(explored: Omit<Explored, 'report'>): string {
  const { definition, version, tried, failure, pairs } = explored;
  const head = `${definition} ${version}: ${tried} schedules tried`;
  if (failure !== undefined) return [head, ...failureInLines(failure)].join('\n');
  const left = pairs.of > pairs.tried ? `, ${pairs.tried} of the ${pairs.of} with two faults` : '';
  return `${head}${left}; each ended done or not done, never half`;
}

/** A failing schedule: its moves, what is wrong, what happened. */
export function failureInLines({ told, findings, story }: Failure): readonly string[] {
  const moves = told.length === 0 ? ['nothing goes wrong at all'] : told;
  return [
    'the smallest schedule that fails:',
    ...moves.map((move, index) => `  ${index + 1}. ${move}`),
    'what is wrong then:',
    ...findings.map((finding) => `  - ${finding}`),
    'what happened:',
    ...story.map((line) => `  ${line}`),
  ];
}
