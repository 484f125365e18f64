// What a shape of traffic costs a month, how long sessions wait for their index, and how many indexers run at once, by what one session costs
// (bench/cost/measured.json). `cargo xtask bench scale` does it at three rates, for docs/guide/scale.md; with parameters it does one, and prints it:
//
//   cargo xtask bench scale -- --uploads-per-second 250 --peak 4 --window 5 --concurrency 100

import { parseArgs } from "node:util";
import { ANSWER_MS, keptCosts, measuredAt, templateSettings, UPLOAD_BYTES } from "./cost/costs.ts";
import { PRICES } from "./cost/prices.ts";
import {
  invocationMs,
  type Outcome,
  type Settings,
  type Shape,
  simulate,
} from "./cost/simulate.ts";
import { collect, report, round, writeInto } from "./frame.ts";

const DAY_S = 86_400;
/** Lambda's for an account and region: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const FUNCTIONS_MAX = 1000;
const DOLLARS_PER_1000_SESSIONS = 0.2;
const LAG_S = 60;

const { values: given } = parseArgs({
  options: {
    /** On average over the day. */
    "uploads-per-second": { type: "string" },
    /** The busiest moment to the average: 1 is an even day. */
    peak: { type: "string", default: "2.5" },
    /** A burst on top: so many times the average, for so many minutes, from noon: `10x15`. */
    burst: { type: "string" },
    minutes: { type: "string", default: "10" },
    uploads: { type: "string" },
    "upload-bytes": { type: "string", default: String(UPLOAD_BYTES) },
    "answer-ms": { type: "string", default: String(ANSWER_MS) },
    window: { type: "string" },
    batch: { type: "string" },
    concurrency: { type: "string" },
    memory: { type: "string" },
  },
});

function number(name: keyof typeof given, usual: number, least: number): number {
  const text = given[name];
  const found = text === undefined ? usual : Number(text);
  if (!(found >= least)) throw new Error(`--${name} is ${text}, expected a number from ${least}`);
  return found;
}

const costs = keptCosts();
const answerMs = number("answer-ms", ANSWER_MS, 0);
const session = {
  minutes: number("minutes", 10, 0.1),
  uploads: number("uploads", costs.uploads, 1),
  uploadBytes: number("upload-bytes", UPLOAD_BYTES, 1),
};

/** A day of one wave: quiet at night, busiest at 14 o'clock, `peak` times the average there. */
function wave(peak: number): (second: number) => number {
  const at = (sharpness: number, second: number) =>
    Math.exp(sharpness * (Math.cos((2 * Math.PI * (second / 3600 - 14)) / 24) - 1));
  const mean = (sharpness: number) => {
    let sum = 0;
    for (let hour = 0; hour < 24; hour++) sum += at(sharpness, hour * 3600);
    return sum / 24;
  };
  let [low, high] = [0, 200];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (1 / mean(middle) < peak) low = middle;
    else high = middle;
  }
  const scale = 1 / mean(low);
  return (second) => scale * at(low, second);
}

function burst(text: string | undefined): (second: number) => number {
  if (text === undefined) return () => 0;
  const [, times, minutes] = /^([\d.]+)x([\d.]+)$/.exec(text) ?? [];
  if (times === undefined) throw new Error(`--burst is ${text}, expected TIMESxMINUTES as 10x15`);
  const from = DAY_S / 2;
  return (second) => (second >= from && second < from + Number(minutes) * 60 ? Number(times) : 0);
}

interface Case {
  uploadsPerSecond: number;
  settings: Settings;
  outcome: Outcome;
}

function run(uploadsPerSecond: number, settings: Settings): Case {
  const perHour = (uploadsPerSecond * 3600) / session.uploads;
  const [day, more] = [wave(number("peak", 2.5, 1)), burst(given.burst)];
  const shape: Shape = {
    name: `${uploadsPerSecond} a second`,
    sessionsPerHour: (second) => perHour * (day(second) + more(second)),
    session,
  };
  const outcome = simulate(shape, settings, measuredAt(costs, perHour, answerMs));
  return { uploadsPerSecond, settings, outcome };
}

const usual = templateSettings();
const chosen: Settings = {
  windowS: number("window", usual.windowS, 0),
  batchMax: number("batch", usual.batchMax, 1),
  concurrencyMax: number("concurrency", usual.concurrencyMax, 2),
  memoryMb: number("memory", usual.memoryMb, 128),
};

const whole = (value: number) => Math.round(value).toLocaleString("en");
const total = ({ dollarsPerMonth }: Outcome) =>
  Object.values(dollarsPerMonth).reduce((a, b) => a + b, PRICES.worker.planMonth);

function table(cases: Case[]): string {
  const row = (name: string, of: (found: Case) => string) =>
    `| ${name} | ${cases.map(of).join(" | ")} |`;
  const names = Object.keys(cases[0]?.outcome.dollarsPerMonth ?? {});
  const seconds = (value: number) => `${round(value, 1).toLocaleString("en")} s`;
  return [
    row("uploads a second, on average", ({ uploadsPerSecond }) => whole(uploadsPerSecond)),
    `|---|${"---|".repeat(cases.length)}`,
    row("window, batch, concurrency, memory", ({ settings: s }) =>
      [`${s.windowS} s`, s.batchMax, whole(s.concurrencyMax), `${s.memoryMb} MB`].join(", "),
    ),
    row("sessions a day", ({ outcome }) => whole(outcome.sessionsPerDay)),
    row("messages a second in the busiest minute", ({ outcome }) => whole(outcome.peak.messages)),
    row("writes, reads of the bucket a second in it", ({ outcome }) =>
      [outcome.peak.storeWrites, outcome.peak.storeReads].map(whole).join(", "),
    ),
    row("a message is worked on after: median", ({ outcome }) => seconds(outcome.lag.median)),
    row("99th percentile", ({ outcome }) => seconds(outcome.lag.p99)),
    row("at worst", ({ outcome }) => seconds(outcome.lag.worst)),
    row("indexers at once, at most", ({ outcome }) => whole(outcome.concurrencyPeak)),
    row("messages that wait, at most", ({ outcome }) => whole(outcome.queuedPeak)),
    row("messages in flight, at most", ({ outcome }) => whole(outcome.inFlightPeak)),
    row("invocations a day", ({ outcome }) => whole(outcome.invocationsPerDay)),
    row("$ a month: Worker's plan", () => whole(PRICES.worker.planMonth)),
    ...names.map((name) => row(name, ({ outcome }) => whole(outcome.dollarsPerMonth[name] ?? 0))),
    row("**together**", ({ outcome }) => `**${whole(total(outcome))}**`),
    row("$ for 1,000 sessions", ({ outcome }) => outcome.dollarsPerThousandSessions.toFixed(3)),
    "",
  ].join("\n");
}

if (process.argv.length > 2) {
  console.log(table([run(number("uploads-per-second", 1, 0.001), chosen)]));
} else {
  const large = { ...usual, windowS: 5, concurrencyMax: 1000 };
  const cases = [1, 100, 10_000].map((rate) => run(rate, usual));
  const set = run(10_000, large);
  const { figures, figure } = collect((value) => round(value, value < 10 ? 3 : 1));
  for (const { uploadsPerSecond: rate, outcome } of [...cases.slice(0, 2), set]) {
    const settings =
      rate === 10_000 ? "as docs/guide/scale.md says to set" : "the template's defaults";
    const against = `a day of one wave, 2.5 times its average at its height; ${settings}`;
    const bar = ((outcome.sessionsPerDay * 365) / 12 / 1000) * DOLLARS_PER_1000_SESSIONS;
    figure(
      `dollars_a_month_${rate}`,
      total(outcome),
      "$",
      round(bar + PRICES.worker.planMonth, 0),
      "lower",
      `${against}; the bar is $${DOLLARS_PER_1000_SESSIONS} for 1,000 sessions and the Worker's plan`,
    );
    figure(`lag_median_s_${rate}`, outcome.lag.median, "s", LAG_S, "lower", against);
    figure(`lag_p99_s_${rate}`, outcome.lag.p99, "s", LAG_S, "lower", against);
    figure(
      `concurrency_${rate}`,
      outcome.concurrencyPeak,
      "functions",
      rate === 10_000 ? FUNCTIONS_MAX : usual.concurrencyMax,
      "lower",
      against,
    );
  }
  const { cpuMs } = costs.measured;
  const one = invocationMs(measuredAt(costs, 1, answerMs), usual.memoryMb, session.uploads, 1);
  writeInto(
    "docs/guide/scale.md",
    "cargo xtask bench scale",
    [
      table([...cases, set]),
      `Measured, of the indexer on a whole processor: ${round(cpuMs.invocation)} ms for an invocation, ${round(cpuMs.chunk)} for a chunk's events, ${round(cpuMs.message)} for a message beside; requests as in [Cost](cost.md). Assumed: ${answerMs} ms for an answer of the bucket, which only an account can show. So an invocation with one message takes ${round(one, 0)} ms at ${usual.memoryMb} MB. Sessions of ${session.minutes} minutes in ${session.uploads} uploads of ${session.uploadBytes / 1000} KB; a day of one wave, at its height 2.5 times the average.`,
      "",
    ].join("\n"),
  );
  report("scale", figures);
}
