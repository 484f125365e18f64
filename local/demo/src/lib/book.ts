import { seeded } from "./random.ts";

export const STATUSES = [
  "Waiting",
  "On the wheel",
  "Drying",
  "In the kiln",
  "Glazing",
  "Ready",
] as const;
export type Status = (typeof STATUSES)[number];

/** One row of the studio's order book: made up, but the same for everybody. */
export interface BookRow {
  order: string;
  /** ISO date, `2026-03-14`. */
  date: string;
  piece: string;
  quantity: number;
  totalCents: number;
  status: Status;
}

export type Column = "order" | "date" | "piece" | "quantity" | "totalCents" | "status";

/** How many rows the book has: enough that drawing them anew is work for the browser and the recorder. */
export const BOOK_ROWS = 500;

/** Returns the book's rows for these pieces, newest first. */
export function openBook(pieces: readonly { name: string; priceCents: number }[]): BookRow[] {
  if (pieces.length === 0) return [];
  const random = seeded("order book");
  const below = (n: number) => Math.floor(random() * n);
  const newest = Date.UTC(2026, 2, 31);
  return Array.from({ length: BOOK_ROWS }, (_, i) => {
    const { name, priceCents } = pieces[below(pieces.length)] as (typeof pieces)[number];
    const quantity = 1 + below(6);
    return {
      order: `W-${1000 + BOOK_ROWS - i}`,
      date: new Date(newest - i * 4 * 3_600_000).toISOString().slice(0, 10),
      piece: name,
      quantity,
      totalCents: quantity * priceCents,
      status: STATUSES[below(STATUSES.length)] as Status,
    };
  });
}

/** Returns the rows in a random order, each as likely as any other (Fisher–Yates). */
export function shuffle<T>(rows: readonly T[], random: () => number): T[] {
  const shuffled = [...rows];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
  }
  return shuffled;
}

/** Returns the rows sorted by a column; equal ones keep their order. Statuses go in the order of the work. */
export function sortBy(
  rows: readonly BookRow[],
  column: Column,
  direction: "up" | "down",
): BookRow[] {
  const sign = direction === "up" ? 1 : -1;
  const key = (row: BookRow) => (column === "status" ? STATUSES.indexOf(row.status) : row[column]);
  return [...rows].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    return left < right ? -sign : left > right ? sign : 0;
  });
}

/** Returns the rows with `count` of them, chosen at random, one step further; what is ready goes out and waits anew. */
export function advance(rows: readonly BookRow[], count: number, random: () => number): BookRow[] {
  const next = [...rows];
  for (let i = 0; i < count; i++) {
    const at = Math.floor(random() * next.length);
    const row = next[at];
    if (!row) break;
    const status = STATUSES[(STATUSES.indexOf(row.status) + 1) % STATUSES.length] as Status;
    next[at] = { ...row, status };
  }
  return next;
}
