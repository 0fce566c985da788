/**
 * What keeps an exploration from being judged at all: a step that cannot be explored, or somebody who takes part and is not
 * there. The saga's own fate is never a mistake; it is what is explored.
 */
import type { SagaDefinition } from '@sagamore/engine';
import type { Exploration } from './exploration.js';

/** An exploration that cannot be judged. The message says what is wrong and what to do. */
export class ExplorationMistake extends Error {
  override readonly name = 'ExplorationMistake';
}

/** The saga and those that are steps of it, each once. Throws where a step is no saga and so cannot be run here. */
export function sagasOf(definition: SagaDefinition): readonly SagaDefinition[] {
  const inside = definition.steps.flatMap(({ name, via }) => {
    if (via.type === 'atomic')
      throw new ExplorationMistake(
        `"${name}" of ${definition.name} is ${via.definition.name}, which is no saga. Only sagas can be explored yet`,
      );
    return via.type === 'child' ? sagasOf(via.definition) : [];
  });
  return [...new Set([...inside, definition])];
}

/** Throws where somebody takes part for whom the cast has no service. */
export function assertComplete({ definition, cast }: Exploration): void {
  const { services } = cast();
  const asked = sagasOf(definition).flatMap(participantsOf);
  const missing = asked.find((name) => services[name] === undefined);
  if (missing === undefined) return;
  const there = Object.keys(services).join(', ') || 'none';
  throw new ExplorationMistake(
    `"${missing}" takes part in ${definition.name} and the cast has no such service (it has: ${there}). Add it under services`,
  );
}

function participantsOf({ steps, onCompensated }: SagaDefinition): readonly string[] {
  const asked = steps.filter(({ via }) => via.type === 'participant');
  return [...asked, ...(onCompensated ? [onCompensated] : [])].map(({ operation }) => operation.participant);
}
