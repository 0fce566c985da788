/**
 * The shape every protocol has: facts in, a new state and the commands it implies out.
 * Nothing here waits, saves or sends. The host saves the event first and carries out the commands AFTER.
 */

/** What a protocol answers: where the transaction now stands, and what must be done about it.
 *  `state` is the very same object when the event changed nothing; the host then has nothing to save. */
export interface Transition<State, Command> {
  readonly state: State;
  readonly commands: readonly Command[];
}

/** A protocol. Total: every event is legal in every state, and one that no longer matters changes nothing,
 *  because the network repeats, delays and reorders what it carries. All instants are ms of the store's clock. */
export interface Machine<Definition, Start, State, Event, Command> {
  readonly begin: (definition: Definition, start: Start) => Transition<State, Command>;
  readonly transition: (definition: Definition, state: State, event: Event) => Transition<State, Command>;
  /** The commands still unanswered in `state`: what to send again after a crash. */
  readonly outstanding: (definition: Definition, state: State) => readonly Command[];
  /** The next instant at which time alone is an event (`time-passed`), or undefined. Timers are derived from
   *  the state just as commands are, so nothing about them has to be stored beside it. */
  readonly dueAt: (definition: Definition, state: State) => number | undefined;
}

/** The state a transaction reaches by its stored events: debugger, audit, recovery and test in one function. */
export function replay<Definition, Start, State, Event, Command>(
  machine: Machine<Definition, Start, State, Event, Command>,
  definition: Definition,
  start: Start,
  events: Iterable<Event>,
): State {
  let { state } = machine.begin(definition, start);
  for (const event of events) state = machine.transition(definition, state, event).state;
  return state;
}
