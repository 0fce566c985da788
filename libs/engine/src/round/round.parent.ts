/**
 * A round as one step of a saga: branches that are done by all or by nobody, as a transaction of its own. To its parent it is a child like any other. What is done by all is final, so such a step is its saga's pivot: it is answered
 * with a yes or a no, as often as it is asked (R16), and never undone.
 */
import assert from 'node:assert/strict';
import type { AnswerParentCommand } from '../command.js';
import type { Reply } from '../operation.js';
import type { Transition } from '../machine.js';
import type { Parent, Protocol, ProtocolCommand, TransactionEvent } from '../transaction.js';

/** The state of a round that somebody waits for. */
export interface AwaitedRound<State> {
  readonly round: State;
  /** With the asking that is the latest: what is answered under an older one would not be heard. */
  readonly parent: Parent;
}

type Step<State> = Transition<State | AwaitedRound<State>, ProtocolCommand>;

const working: Reply = { outcome: 'in-progress' };

/** The same protocol, which also answers a parent where there is one. `done` is the status of its good end. Its `begin`
 *  throws when it is asked to undo what it never did: no saga asks its pivot so. */
export function answeringParent<State extends object>(
  protocol: Protocol<State>,
  done: string,
): Protocol<State | AwaitedRound<State>> {
  const roundOf = (state: State | AwaitedRound<State>): State => ('parent' in state ? state.round : state);

  /** Where the round now stands, in words for the parent. */
  function replyOf(round: State): Reply {
    const { status, phase, reason } = protocol.standing(round);
    if (phase !== 'final') return working;
    if (status === done) return { outcome: 'succeeded', output: null };
    const code = reason?.refusal?.code ?? reason?.failure?.code ?? reason?.kind ?? status;
    const details = reason?.refusal?.details;
    return { outcome: 'refused', refusal: details === undefined ? { code } : { code, details } };
  }

  function tell({ parent }: AwaitedRound<State>, reply: Reply): AnswerParentCommand {
    const { transactionId, branchId, operation, generation } = parent;
    return { type: 'answer-parent', transactionId, branchId, operation, generation, reply };
  }

  function hear(state: AwaitedRound<State>, event: TransactionEvent & { readonly type: 'parent-asked' }) {
    const { operation, generation } = event;
    if (operation === 'action' && generation < state.parent.generation) return { state, commands: [] };
    const isNews = generation > state.parent.generation;
    const heard = isNews ? { ...state, parent: { ...state.parent, generation } } : state;
    return { state: heard, commands: [tell(heard, replyOf(heard.round))] };
  }

  function follow(state: AwaitedRound<State>, event: TransactionEvent): Step<State> {
    if (event.type === 'parent-asked') return hear(state, event);
    const { state: round, commands } = protocol.transition(state.round, event);
    const next = round === state.round ? state : { ...state, round };
    const hasEnded =
      protocol.standing(round).phase === 'final' && protocol.standing(state.round).phase !== 'final';
    return { state: next, commands: hasEnded ? [...commands, tell(next, replyOf(round))] : commands };
  }

  return {
    ...protocol,
    begin(start) {
      const begun = protocol.begin(start);
      const { parent } = start;
      if (parent === undefined) return begun;
      assert(parent.operation === 'action', `${protocol.name} is done by all or by nobody, and never undone`);
      const state = { round: begun.state, parent };
      return { state, commands: [...begun.commands, tell(state, replyOf(begun.state))] };
    },
    transition: (state, event) =>
      'parent' in state ? follow(state, event) : protocol.transition(state, event),
    outstanding: (state) => protocol.outstanding(roundOf(state)),
    dueAt: (state) => protocol.dueAt(roundOf(state)),
    standing: (state) => protocol.standing(roundOf(state)),
    retryOf: (state, event) => protocol.retryOf(roundOf(state), event),
  };
}
