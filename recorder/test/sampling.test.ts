import { expect, test } from "vitest";
import type { SessionId } from "../src/ids.js";
import { startMsOf } from "../src/ids.js";
import { keeps, type Rates, type Reason, rateFor, ratesAt } from "../src/sampling.js";
import { vectors } from "./vectors.js";

const { cases } = vectors<{
  cases: {
    session: SessionId;
    sampling: Rates[];
    reason: Reason;
    segments: string[];
    rate: number;
    keep: boolean;
  }[];
}>("sampling");

test.each(cases)(
  "$session, $reason $segments: $rate, $keep",
  ({ session, sampling, reason, segments, rate, keep }) => {
    const rates = ratesAt(sampling, startMsOf(session));
    expect(rates && rateFor(rates, reason, segments)).toBe(rate);
    expect(keeps(sampling, session, reason, segments)).toBe(keep);
  },
);

test("no rates keep nothing", () => {
  expect(keeps([], "6553f100000000000000000000000000" as SessionId, "all", [])).toBe(false);
});
