import { expect, test } from "vitest";
import type { RecordedEvent } from "../src/events.js";
import { maskEvent } from "../src/privacy.js";

const input = (attributes: Record<string, string>) => ({
  type: 2,
  tagName: "input",
  attributes,
  childNodes: [],
  id: 3,
});
const snapshot = (node: unknown) =>
  ({
    type: 2,
    timestamp: 1,
    data: { node: { type: 0, childNodes: [node], id: 1 }, initialOffset: { top: 0, left: 0 } },
  }) as RecordedEvent;

function check(event: unknown, expected: string, hidden: string) {
  const line = JSON.stringify(maskEvent(event as RecordedEvent));
  expect(line).toContain(expected);
  expect(line).not.toContain(hidden);
}

test("the meta event's URL", () => {
  const meta = {
    type: 4,
    timestamp: 1,
    data: { href: "https://a.example/?mail=jo@a.example", width: 1, height: 1 },
  };
  check(meta, "https://a.example/?mail=************", "jo@");
});

test("values in attributes of fields, but not a button's label", () => {
  for (const type of ["text", "hidden", "checkbox", "radio", "password"]) {
    check(snapshot(input({ type, value: "secret" })), '"value":"******"', "secret");
  }
  check(snapshot(input({ type: "submit", value: "Send" })), '"value":"Send"', "***");
});

test("fields that are added later, however deep", () => {
  let node: unknown = input({ type: "radio", value: "secret" });
  for (let depth = 0; depth < 3; depth++)
    node = { type: 2, tagName: "div", attributes: {}, childNodes: [node], id: 2 };
  const adds = [{ parentId: 1, nextId: null, node }];
  check(
    { type: 3, timestamp: 1, data: { source: 0, adds, removes: [], texts: [], attributes: [] } },
    "******",
    "secret",
  );
});

test("what input events carry, whatever the field", () => {
  check(
    { type: 3, timestamp: 1, data: { source: 5, id: 4, text: "secret", isChecked: true } },
    '"text":"******"',
    "secret",
  );
});
