import { expect, test } from "vitest";
import { interpret, type Verdict } from "../src/reply.js";

function check(status: number, body: unknown, expected: Verdict, retryAfter: string | null = null) {
  expect(interpret({ status, body, retryAfter })).toEqual(expected);
}

test("stored and duplicate go on", () => {
  check(200, { outcome: "stored" }, { do: "go-on" });
  check(200, { outcome: "duplicate" }, { do: "go-on" });
});

test("dropped depends on the reason", () => {
  for (const reason of ["not_sampled", "consent", "bot"]) {
    check(200, { outcome: "dropped", reason }, { do: "end-session", reason });
  }
  check(200, { outcome: "dropped", reason: "session_too_long" }, { do: "new-session" });
  for (const reason of ["excluded_page", "over_budget", "of another edition", undefined]) {
    check(200, { outcome: "dropped", reason }, { do: "drop" });
  }
});

test("a batch that breaks a rule is refused, and so is any status that has no meaning", () => {
  for (const status of [400, 404, 405, 409, 500, 502, 302, 204])
    check(status, { error: "header" }, { do: "refused" });
  check(200, { outcome: "of another edition" }, { do: "refused" });
});

test("who may not upload stops", () => {
  check(401, { error: "unknown_key" }, { do: "stop", reason: "unknown_key" });
  check(403, { error: "origin" }, { do: "stop", reason: "origin" });
  check(403, undefined, { do: "stop", reason: "status 403" });
});

test("too large is split by the limit named", () => {
  check(413, { error: "too_large", limit: "events", max: 10 }, { do: "split", limit: "events" });
  check(413, undefined, { do: "split", limit: "compressed_bytes" });
});

test("the edge says when to come back, in the body or the header", () => {
  check(503, { error: "unavailable", retry_after_s: 5 }, { do: "retry", afterMs: 5_000 });
  check(429, { error: "slow_down" }, { do: "retry", afterMs: 7_000 }, "7");
  check(429, undefined, { do: "retry", afterMs: undefined });
  check(503, { retry_after_s: -1 }, { do: "retry", afterMs: undefined });
  check(503, {}, { do: "retry", afterMs: undefined }, "Wed, 21 Oct 2037 07:28:00 GMT");
  check(503, { retry_after_s: 1e9 }, { do: "retry", afterMs: 600_000 });
});

test("no answer, or one that is not the edge's, is tried again", () => {
  expect(interpret(undefined)).toEqual({ do: "retry", afterMs: undefined });
  check(200, undefined, { do: "retry", afterMs: undefined });
});
