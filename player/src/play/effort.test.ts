import { EventType, type eventWithTime, IncrementalSource, NodeType } from "@rrweb/types";
import { expect, it } from "vitest";
import { isDoneDirectly } from "./effort.ts";

const snapshot = (timestamp: number, nodes: number) => ({
  type: EventType.FullSnapshot,
  timestamp,
  data: {
    node: {
      type: NodeType.Document,
      id: 1,
      childNodes: Array.from({ length: nodes - 1 }, (_, n) => ({
        type: NodeType.Text,
        id: n + 2,
        textContent: "",
      })),
    },
  },
});
const texts = (timestamp: number, count: number) => ({
  type: EventType.IncrementalSnapshot,
  timestamp,
  data: {
    source: IncrementalSource.Mutation,
    texts: Array.from({ length: count }, () => ({ id: 2, value: "" })),
    adds: [],
    removes: [],
    attributes: [],
  },
});
const scroll = (timestamp: number) => ({
  type: EventType.IncrementalSnapshot,
  timestamp,
  data: { source: IncrementalSource.Scroll, id: 1, x: 0, y: timestamp },
});

function check(events: object[], expected: boolean, [fromMs, toMs] = [0, 1_000]): void {
  expect(isDoneDirectly([{ name: "a", events: events as eventWithTime[] }], fromMs, toMs)).toBe(
    expected,
  );
}

it("is so where little changes on a large page", () => {
  check([snapshot(1, 100), texts(2, 400)], true);
  check([snapshot(1, 100), texts(2, 401)], false);
});

it("counts what lies between the moments, and since the last snapshot", () => {
  check([snapshot(1, 10), texts(2, 41), texts(500, 2)], true, [2, 1_000]);
  check([snapshot(1, 10), texts(500, 2), texts(600, 41)], true, [1, 599]);
  check([snapshot(1, 10), texts(2, 41), snapshot(3, 10), texts(4, 1)], true);
});

it("is not so where scrolls would lay the page out again and again", () => {
  check([snapshot(1, 100), ...Array.from({ length: 9 }, (_, n) => scroll(n + 2))], false);
});

it("takes what a recording says of itself as it is", () => {
  const odd = { ...texts(2, 0), data: { source: IncrementalSource.Mutation, texts: 7 } };
  check([snapshot(1, 1), odd], true);
  check([], true);
});
