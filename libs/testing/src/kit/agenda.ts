/**
 * Virtual time: what will happen, in order of its instant, and of two at one instant the one that was put first.
 */

interface Entry {
  readonly at: number;
  readonly happen: () => void | Promise<void>;
}

export class Agenda {
  private readonly entries: Entry[] = [];

  put(at: number, happen: Entry['happen']): void {
    const behind = this.entries.findIndex((entry) => entry.at > at);
    this.entries.splice(behind < 0 ? this.entries.length : behind, 0, { at, happen });
  }

  /** The instant of the next one; infinite when there is none. */
  get next(): number {
    return this.entries[0]?.at ?? Infinity;
  }

  take(): Entry | undefined {
    return this.entries.shift();
  }
}
