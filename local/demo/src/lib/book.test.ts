import { expect, test } from "vitest";
import { advance, BOOK_ROWS, openBook, shuffle, sortBy } from "./book.ts";
import { seeded } from "./random.ts";

const book = openBook([
  { name: "Mug", priceCents: 2800 },
  { name: "Jar", priceCents: 5600 },
]);
const orders = (rows: { order: string }[]) => rows.map((row) => row.order);

test("has its rows, each with its own number, the same every time", () => {
  expect(new Set(orders(book)).size).toBe(BOOK_ROWS);
  expect(
    openBook([
      { name: "Mug", priceCents: 2800 },
      { name: "Jar", priceCents: 5600 },
    ]),
  ).toEqual(book);
  expect(openBook([])).toEqual([]);
});

test("shuffling moves rows and loses none", () => {
  const shuffled = shuffle(book, seeded("shuffle"));
  expect(orders(shuffled)).not.toEqual(orders(book));
  expect(orders(shuffled).sort()).toEqual(orders(book).sort());
});

test("sorting there and back", () => {
  expect(orders(sortBy(book, "order", "down"))).toEqual(orders(book));
  const byStatus = sortBy(book, "status", "up");
  expect(byStatus[0]?.status).toBe("Waiting");
  expect(byStatus.at(-1)?.status).toBe("Ready");
});

test("advancing changes at most as many as asked, and only their status", () => {
  const advanced = advance(book, 20, seeded("advance"));
  const changed = advanced.filter((row, i) => row !== book[i]);
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.length).toBeLessThanOrEqual(20);
  expect(orders(advanced)).toEqual(orders(book));
  expect(advance([], 20, seeded("advance"))).toEqual([]);
});
