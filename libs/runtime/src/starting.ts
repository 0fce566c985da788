/**
 * The door through which anybody starts a transaction: the input is checked by the definition's schema and tried on its
 * machine BEFORE anything is saved, and one key never starts two (S42, S43). The owner of the shard begins it.
 */
import { shardOf, uuidv7 } from '@sagamore/primitives';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { check, schemasOf } from './declared-protocol.js';
import type { DoorOptions, DoorPorts } from './door.js';
import { startType } from './inbox.js';
import { inboxTopic, traceparentOf, type Message, type StartData } from './message.js';
import { precedenceOf, type Precedence } from './precedence.js';

/** A start under a key of the caller's. */
export interface StartRequest extends Precedence {
  readonly definition: string;
  readonly input: unknown;
  /** Whose key it is: keys of different callers are different keys (R29). */
  readonly actor: string;
  readonly key: string;
  /** The same for the same request, and for no other. */
  readonly requestHash: string;
}

export type StartAnswer =
  /** Saved, now or by an earlier call with this key; it begins whatever the broker does. */
  | { readonly outcome: 'accepted'; readonly transactionId: string }
  /** The key belongs to another request, which is untouched. */
  | { readonly outcome: 'key-reused' }
  | { readonly outcome: 'invalid'; readonly issues: readonly StandardSchemaV1.Issue[] }
  /** It fits the schema, and the definition cannot begin with it. */
  | { readonly outcome: 'unfit' }
  /** There is such a definition, and only a service of ours starts it. */
  | { readonly outcome: 'not-startable' }
  | { readonly outcome: 'definition-unknown' };

export class Starting {
  constructor(
    private readonly ports: DoorPorts,
    private readonly options: DoorOptions,
  ) {}

  /** Throws a `Fault` when the store cannot answer; the same call may then be made again with the same key. */
  async start(request: StartRequest): Promise<StartAnswer> {
    const { journal, definitions, relay } = this.ports;
    const protocol = definitions.latest(request.definition);
    if (protocol === undefined) return { outcome: 'definition-unknown' };
    const schema = schemasOf(protocol).input;
    if (schema === undefined) return { outcome: 'not-startable' };
    const checked = await check(schema, request.input);
    if (checked.issues !== undefined) return { outcome: 'invalid', issues: checked.issues };
    const at = journal.now();
    const transactionId = uuidv7(at);
    const { value: input } = checked;
    try {
      protocol.begin({ transactionId, input, at });
    } catch {
      return { outcome: 'unfit' };
    }
    const { definition, actor, key, requestHash } = request;
    const { owner, shards } = this.options;
    const start = {
      transactionId,
      definition,
      input,
      shard: shardOf(transactionId, shards),
      ...precedenceOf(request),
    };
    const message = startMessageOf(start, at);
    const receipt = await journal.accept({ ...start, actor, key, requestHash, message, owner });
    if (receipt.requestHash !== requestHash) return { outcome: 'key-reused' };
    relay.publish(receipt.rows);
    return { outcome: 'accepted', transactionId: receipt.transactionId };
  }
}

function startMessageOf(
  { shard, ...start }: StartData & { readonly shard: number },
  at: number,
): Message<StartData> {
  const { transactionId } = start;
  return {
    id: `${transactionId}/start`,
    type: startType,
    source: 'orchestrator',
    topic: inboxTopic,
    key: transactionId,
    partition: shard,
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data: start,
  };
}
