/**
 * When to upload: soon at first, then later and later, so that ten minutes take no more than 13 uploads; and sooner after an error,
 * but not after each of many.
 */
export class FlushSchedule {
  private static readonly GROWTH = 3;
  private static readonly HURRY_GROWTH = 2;
  private wait: number;
  private hurry: number;

  /** `ageMs` is the session's: its later pages and tabs wait as long as one page would have come to by then. */
  constructor(
    firstMs: number,
    private readonly maxMs: number,
    ageMs = 0,
  ) {
    this.hurry = Math.min(firstMs, maxMs);
    this.wait = this.hurry;
    for (let passedMs = this.wait; passedMs <= ageMs && this.wait < maxMs; passedMs += this.wait)
      this.grow();
  }

  /** The wait for the batch that begins now, in milliseconds. */
  get waitMs(): number {
    return this.wait;
  }

  /** The wait for a batch that people will want to see soon. */
  get hurryMs(): number {
    return Math.min(this.hurry, this.wait);
  }

  /** An upload was made: the next one waits longer. */
  grow(): void {
    this.wait = Math.min(this.wait * FlushSchedule.GROWTH, this.maxMs);
  }

  /** It was one in a hurry: the next hurry waits longer too. */
  growHurry(): void {
    this.hurry = Math.min(this.hurry * FlushSchedule.HURRY_GROWTH, this.maxMs);
  }
}
