/** How long nothing came to its end after something broke: what a customer notices of it. Time is that of this process. */
export class Lull {
  private lastEndMs: number | undefined;
  private longest = 0;

  /** It breaks now. */
  begin(): void {
    this.lastEndMs = performance.now();
  }

  /** Something has come to its end. Before `begin` it does not count. */
  sawEnd(): void {
    if (this.lastEndMs === undefined) return;
    const now = performance.now();
    this.longest = Math.max(this.longest, now - this.lastEndMs);
    this.lastEndMs = now;
  }

  /** The longest time without an end since it broke. */
  get longestMs(): number {
    return this.longest;
  }
}
