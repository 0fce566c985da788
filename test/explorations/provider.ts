/**
 * Somebody outside, as explorations need one: a card network or a carrier that keeps its keys. A key's first answer stands,
 * and an undo that finds nothing leaves a tombstone behind which the action is refused (R8).
 */
import { refused, succeeded, type Reply } from '@sagamore/engine';

type Entry = 'done' | 'undone' | 'tombstone';

export class Provider {
  private readonly entries = new Map<string, Entry>();

  /** The action under a key. */
  act<Output>(key: string, output: Output): Reply<Output> {
    const entry = this.entries.get(key) ?? 'done';
    if (entry === 'tombstone') return refused('cancelled-before');
    this.entries.set(key, entry);
    return succeeded(output);
  }

  /** Takes back what stands under a key, or makes sure that nothing ever will. */
  undo(key: string): Reply {
    const entry = this.entries.get(key) ?? 'tombstone';
    this.entries.set(key, entry === 'tombstone' ? 'tombstone' : 'undone');
    return entry === 'tombstone' ? { outcome: 'succeeded', output: {}, empty: true } : succeeded({});
  }

  /** What stands and was not taken back. */
  get standing(): number {
    return [...this.entries.values()].filter((entry) => entry === 'done').length;
  }
}
