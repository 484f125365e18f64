/**
 * Whether a session is kept: the same answer here and at every edge location (`spec/ids.md`, `spec/config.md`).
 */
import { fraction, type SessionId, startMsOf } from "./ids.js";

/** Why a session is recorded. It picks the sampling rate. */
export type Reason = "all" | "error" | "support" | "segment" | "manual";

/** Rates from 0 to 1 that hold for sessions which started at `from_ms` or later. */
export interface Rates {
  readonly from_ms: number;
  readonly all: number;
  readonly error?: number;
  readonly support?: number;
  readonly segment?: number;
  readonly manual?: number;
  /** Rates of named segments; the others have `segment`. */
  readonly segments?: Readonly<Record<string, number>>;
}

/** The rates in force at `startMs`: the entry with the largest `from_ms` not after it, before all of them the first. */
export function ratesAt(sampling: readonly Rates[], startMs: number): Rates | undefined {
  const sorted = [...sampling].sort((a, b) => b.from_ms - a.from_ms);
  return sorted.find((rates) => rates.from_ms <= startMs) ?? sorted.at(-1);
}

/** The rate for a reason; for `segment` the largest among the visitor's segments. */
export function rateFor(rates: Rates, reason: Reason, segments: readonly string[]): number {
  const rate = rates[reason] ?? 1;
  if (reason !== "segment" || segments.length === 0) return rate;
  // Without a prototype, since a segment may be called anything.
  const named: Record<string, number> = { __proto__: null as never, ...rates.segments };
  return Math.max(...segments.map((name) => named[name] ?? rate));
}

/** Whether the session is kept by the rates that were in force when it started. No rates at all keep nothing. */
export function keeps(
  sampling: readonly Rates[],
  session: SessionId,
  reason: Reason,
  segments: readonly string[],
): boolean {
  const rates = ratesAt(sampling, startMsOf(session));
  return !!rates && fraction(session) < rateFor(rates, reason, segments);
}
