/** How long to gather events before the next upload: short at first and after an error, then longer and longer. */
export class FlushSchedule {
  private static readonly GROWTH = 1.5;
  private current: number;

  constructor(
    private readonly firstMs: number,
    private readonly maxMs: number,
  ) {
    this.current = Math.min(firstMs, maxMs);
  }

  /** The wait for the batch that begins now, in milliseconds. */
  get waitMs(): number {
    return this.current;
  }

  /** An upload was made: the next one waits longer. */
  grow(): void {
    this.current = Math.min(this.current * FlushSchedule.GROWTH, this.maxMs);
  }

  /** Something happened that people will want to see soon. */
  reset(): void {
    this.current = Math.min(this.firstMs, this.maxMs);
  }
}
