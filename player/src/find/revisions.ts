/** Rows with one key, of which only that with the highest revision counts (spec/tables.md, "Repeats"). */

/** Version of the rules, revision of the config, number of chunks, and how settled the session is: compared in this order. */
export type Revision = readonly [core: number, config: number, chunks: number, settled: number];

/** How settled a row of `sessions` is: 0 while the session is open, 1 once it has ended, 2 if it is pinned then. */
export function settled(state: unknown, pinned: unknown): number {
  if (state !== "ended") return 0;
  return pinned === true ? 2 : 1;
}

export function compareRevisions(a: Revision, b: Revision): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** Which row of each key counts. Rows are named by file and number. */
export class Winners {
  readonly #best = new Map<string, { revision: Revision; row: string }>();
  #rows: Set<string> | null = null;

  add(key: string, revision: Revision, file: string, row: number): void {
    const best = this.#best.get(key);
    if (best !== undefined && compareRevisions(revision, best.revision) <= 0) return;
    this.#best.set(key, { revision, row: `${file} ${row}` });
    this.#rows = null;
  }

  /** Whether a row is the one of its key that counts. */
  isBest(file: string, row: number): boolean {
    this.#rows ??= new Set([...this.#best.values()].map(({ row }) => row));
    return this.#rows.has(`${file} ${row}`);
  }
}
