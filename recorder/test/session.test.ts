import { beforeEach, expect, test } from "vitest";
import { END_MARGIN_MS, IDLE_MS, parseRecord, SharedSession } from "../src/session.js";
import { SafeStorage } from "../src/storage.js";
import { enterPage } from "../src/tab.js";
import { brokenStorage, memoryStorage } from "./storage.js";

const HOUR_MS = 3_600_000;
const START_MS = 1_700_000_000_000;
const KEY = "tapedeck.session";

let browser: Storage;
/** A tab or page load of the same browser. */
const tab = () => new SharedSession(new SafeStorage(() => browser));

beforeEach(() => {
  browser = memoryStorage();
});

test("page loads and tabs join the session that is alive", () => {
  const first = tab().open(START_MS, HOUR_MS);
  expect(first.startMs).toBe(START_MS);
  expect(tab().open(START_MS + IDLE_MS - 1, HOUR_MS)).toEqual(first);
});

test("15 minutes without use end it, in all tabs together", () => {
  const first = tab().open(START_MS, HOUR_MS);
  tab().touch(first, START_MS + 10 * 60_000);
  expect(tab().open(START_MS + 24 * 60_000, HOUR_MS)).toEqual(first);
  expect(tab().open(START_MS + 24 * 60_000 + IDLE_MS, HOUR_MS).id).not.toBe(first.id);
});

test("its full length ends it however much it is used", () => {
  const first = tab().open(START_MS, HOUR_MS);
  const endMs = START_MS + HOUR_MS - END_MARGIN_MS;
  tab().touch(first, endMs - 1);
  expect(tab().open(endMs - 1, HOUR_MS)).toEqual(first);
  expect(tab().open(endMs, HOUR_MS).id).not.toBe(first.id);
});

test("a start in the future is not believed", () => {
  const first = tab().open(START_MS, HOUR_MS);
  expect(tab().open(START_MS - 4 * 60_000, HOUR_MS)).toEqual(first);
  expect(tab().open(START_MS - 6 * 60_000, HOUR_MS).id).not.toBe(first.id);
});

test("a tab that lags behind does not bring the old session back", () => {
  const first = tab().open(START_MS, HOUR_MS);
  const second = tab().open(START_MS + IDLE_MS, HOUR_MS);
  tab().touch(first, START_MS + IDLE_MS + 1);
  tab().close(first);
  expect(tab().open(START_MS + IDLE_MS + 2, HOUR_MS)).toEqual(second);
});

test("a closed session is not joined again", () => {
  const first = tab().open(START_MS, HOUR_MS);
  tab().close(first);
  expect(tab().open(START_MS, HOUR_MS).id).not.toBe(first.id);
});

test.each([
  "",
  "garbage",
  "null",
  "[]",
  "7",
  '{"upload":"short","active_ms":1700000000000}',
  '{"upload":"ZVPxAAABAgMEBQYHCAkKCx","active_ms":1700000000000}',
  '{"upload":"ZVPxAAABAgMEBQYHCAkKCw"}',
  '{"upload":"ZVPxAAABAgMEBQYHCAkKCw","active_ms":"1700000000000"}',
  '{"upload":"ZVPxAAABAgMEBQYHCAkKCw","active_ms":null}',
])("stored garbage %s is replaced", (text) => {
  browser.setItem(KEY, text);
  const session = tab().open(START_MS, HOUR_MS);
  expect(parseRecord(browser.getItem(KEY) ?? undefined)?.upload).toBe(session.upload);
});

test.each(["blocked", "full", "absent"] as const)(
  "storage that is %s leaves a session for the page's life",
  (how) => {
    const shared = new SharedSession(new SafeStorage(brokenStorage(how)));
    const session = shared.open(START_MS, HOUR_MS);
    shared.touch(session, START_MS + 10 * 60_000);
    expect(shared.open(START_MS + 20 * 60_000, HOUR_MS)).toEqual(session);
    expect(() => enterPage(new SafeStorage(brokenStorage(how)), "AAAAAAAA")).not.toThrow();
  },
);

test("a tab keeps its label and knows the page before", () => {
  const storage = new SafeStorage(() => browser);
  const first = enterPage(storage, "AAAAAAAA");
  expect(first).toEqual({ id: expect.stringMatching(/^[0-9A-Za-z]{8}$/) });
  expect(enterPage(storage, "BBBBBBBB")).toEqual({ id: first.id, previousPage: "AAAAAAAA" });
  browser.setItem("tapedeck.tab", "<script> ../..");
  expect(enterPage(storage, "DDDDDDDD").previousPage).toBeUndefined();
});

test("why a session is kept is known to the pages that come, until it is over", () => {
  const first = tab().open(START_MS, HOUR_MS);
  tab().keep(first, { reason: "support", support: "T-1" });
  tab().touch(first, START_MS + 1);
  expect(tab().open(START_MS + 2, HOUR_MS).kept).toEqual({ reason: "support", support: "T-1" });
  expect(tab().open(START_MS + 2 + IDLE_MS, HOUR_MS).kept).toBeUndefined();
});
