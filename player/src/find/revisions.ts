/** Rows with one key, of which only that with the highest revision counts (spec/tables.md, "Repeats"). */

/** Version of the rules, revision of the config, number of chunks: compared in this order. */
export type Revision = readonly [core: number, config: number, chunks: number];

export function compareRevisions(a: Revision, b: Revision): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
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
