/**
 * Tells participants in doubt what was decided (S69). A question changes nothing, so it is never journaled; it is answered
 * from memory, which follows the commit, or from the stored row, also of a transaction that has ended. One of which nothing
 * is stored is presumed aborted (S67), and its place is taken BEFORE that is told.
 */
import { presumedAbortProtocol, type TransactionId } from '@sagamore/engine';
import { begin, undecided, type Decision } from './decision.js';
import type { DecisionWriter } from './decision-writer.js';
import type { Dispatcher } from './dispatcher.js';
import type { Input } from './inbox.js';
import type { LiveTransactions } from './live-transactions.js';
import type { Journal } from './ports.js';
import type { Subjects } from './subjects.js';

export type Question = Input & { readonly kind: 'question' };

export function isQuestion(input: Input): input is Question {
  return input.kind === 'question';
}

export interface AnsweringParts {
  readonly journal: Journal;
  readonly live: LiveTransactions;
  readonly subjects: Subjects;
  readonly writer: DecisionWriter;
  readonly dispatcher: Dispatcher;
}

export class DecisionAnswers {
  constructor(private readonly parts: AnsweringParts) {}

  /** Call it when memory holds no doubtful transaction. Where there is no decision yet nothing is said, and the
   *  participant asks again. Idempotent. */
  async answer(questions: readonly Question[]): Promise<void> {
    if (questions.length === 0) return;
    const known = await this.known(questions);
    const unknown = questions.filter(({ transactionId }) => !known.has(transactionId));
    for (const decision of await this.takePlaces(unknown))
      known.set(decision.after.record.transactionId, decision);
    const answers = questions.flatMap((question) => {
      const subject = known.get(question.transactionId);
      return subject === undefined ? [] : [this.answerTo(question, subject)];
    });
    await this.parts.dispatcher.publish(answers.filter(({ commands }) => commands.length > 0));
  }

  private async known(questions: readonly Question[]): Promise<Map<TransactionId, Decision>> {
    const { journal, live, subjects } = this.parts;
    const ids = [...new Set(questions.map(({ transactionId }) => transactionId))];
    const inMemory = ids.flatMap((id) => live.get(id) ?? []);
    const held = new Set(inMemory.map(({ record }) => record.transactionId));
    const away = ids.filter((id) => !held.has(id));
    const stored = away.length === 0 ? [] : subjects.revive(await journal.load(away));
    return new Map([...inMemory, ...stored].map((each) => [each.record.transactionId, undecided(each)]));
  }

  /** Fenced and idempotent like any start: one that began meanwhile is left out, and is asked about again. */
  private takePlaces(unknown: readonly Question[]): Promise<readonly Decision[]> {
    const { name: definition, version } = presumedAbortProtocol;
    const startedAt = this.parts.journal.now();
    const places = new Map(
      unknown.map(({ transactionId, shard }) => [
        transactionId,
        begin(presumedAbortProtocol, { transactionId, definition, version, shard, input: null, startedAt }),
      ]),
    );
    return this.parts.writer.commit([...places.values()]);
  }

  private answerTo({ question }: Question, { after }: Decision): Decision {
    const event = { type: 'decision-asked', at: this.parts.journal.now(), ...question } as const;
    const { commands } = after.protocol.transition(after.state, event);
    return { ...undecided(after), commands };
  }
}
