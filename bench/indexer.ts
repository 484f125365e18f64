// What the indexer costs: time and memory of a summary, requests to the bucket and the dollars they come to, growth of manifests, rebuilding,
// compaction, search, and what a session leaves in the bucket.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ANSWER_MS,
  EDGES,
  ERROR_SHARE,
  keepCosts,
  measuredAt,
  takeCosts,
  templateSettings,
  UPLOAD_BYTES,
} from "./cost/costs.ts";
import {
  type Measured,
  type Outcome,
  type Requests,
  type Settings,
  simulate,
} from "./cost/simulate.ts";
import { collect, report, round, writeInto } from "./frame.ts";
import { bodiesOf } from "./indexer/stored.ts";
import { filesOf, madeTables, QUESTIONS, readEverything, search } from "./indexer/tables.ts";
import { PAGES } from "./recorder/pages.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** Fewer make a quicker run; the figures say of how many they are. */
const SESSIONS_SEARCHED = Number(process.env.TAPEDECK_BENCH_SESSIONS ?? 1_000_000);
const DAYS_SEARCHED = 14;
const SESSIONS_REBUILT = Math.min(600, Math.ceil(SESSIONS_SEARCHED / 1_000));

const programs = dirname(process.env.TAPEDECK_LOCAL ?? join(ROOT, "target/release/tapedeck-local"));
const corpus = readdirSync(new URL("./corpus/", import.meta.url)).map((file) =>
  fileURLToPath(new URL(`./corpus/${file}`, import.meta.url)),
);

// biome-ignore lint/suspicious/noExplicitAny: what the program prints is read field by field below, and a figure that is no number is refused.
function measure(...parameters: string[]): any {
  const output = execFileSync(join(programs, "tapedeck-bench-indexer"), parameters, {
    encoding: "utf8",
    env: {
      ...process.env,
      TAPEDECK_INDEXER_BIN: process.env.TAPEDECK_INDEXER_BIN ?? join(programs, "tapedeck-indexer"),
      RUST_LOG: "error",
    },
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 26,
  });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "");
}

const { figures, figure: add } = collect((value) => round(value, value < 10 ? 3 : 1));
// The whole takes minutes: each is said as it comes.
const figure: typeof add = (id, value, unit, ...rest) => {
  add(id, value, unit, ...rest);
  console.log(id, round(value, 3), unit);
};
const MIB = 2 ** 20;

function summaries(): { summary_mb_per_s: number; bytes: number; gzip_bytes: number } {
  const all = measure("summary", ...corpus);
  const speeds = `the quickest of ${all.rounds} rounds over ${all.chunks} chunks: summary ${round(all.summary_mb_per_s, 0)} MB/s, inflating alone ${round(all.inflate_mb_per_s, 0)}, every line as serde_json::Value ${round(all.value_mb_per_s, 0)}; all inflating included`;
  figure(
    "summary_of_value_x",
    all.of_value_x,
    "x",
    4,
    "higher",
    `the same parsed whole; ${speeds}`,
  );
  figure(
    "summary_of_inflate_x",
    all.of_inflate_x,
    "x",
    4,
    "lower",
    "inflating the same with zlib-rs and dropping it, in time",
  );
  const flat: { bytes: number; ns_per_byte: number }[] = measure("flat", ...corpus);
  const costs = flat.map(({ ns_per_byte }) => ns_per_byte);
  figure(
    "summary_flat_x",
    Math.max(...costs) / Math.min(...costs),
    "x",
    1.5,
    "lower",
    `time per byte, the dearest size against the cheapest: ${flat.map(({ bytes, ns_per_byte }) => `${round(bytes / 1024, 0)} KiB ${round(ns_per_byte)} ns`).join(", ")}`,
  );
  const shapes = ["mutations", "snapshot", "custom", "clicks", "members"].map((shape) =>
    measure("memory", shape),
  );
  figure(
    "summary_memory_mib",
    Math.max(...shapes.map(({ peak_bytes }) => peak_bytes)) / MIB,
    "MiB",
    32,
    "lower",
    `resident set that the largest legal chunks add, themselves as stored included: ${shapes.map(({ shape, peak_bytes, inflated_bytes }) => `${shape} ${round(peak_bytes / MIB, 1)} of ${round(inflated_bytes / MIB, 0)}`).join(", ")}`,
  );
  return all;
}

function merging(): void {
  const sizes: { chunks: number; bytes: number; us: number; ns_per_byte: number }[] =
    measure("merge");
  const [first, last] = [sizes[0], sizes.at(-1)];
  figure(
    "merge_growth_x",
    (last?.ns_per_byte ?? Number.NaN) / (first?.ns_per_byte ?? Number.NaN),
    "x",
    1.2,
    "lower",
    `time per byte of the manifest, at ${last?.chunks} chunks against ${first?.chunks}, 1 being linear: ${sizes.map(({ chunks, bytes, us }) => `${chunks} chunks of ${round(bytes / 1024, 0)} KiB ${round(us, 0)} us`).join(", ")}`,
  );
}

function rebuilding(): void {
  const { sessions, chunks, seconds, sessions_per_s } = measure(
    "rebuild",
    String(SESSIONS_REBUILT),
    ...corpus,
  );
  figure(
    "rebuild_sessions_per_s",
    sessions_per_s,
    "sessions/s",
    50,
    "higher",
    `one core, a store in memory; ${sessions} sessions of ${chunks} chunks took ${round(seconds, 1)} s, so 10,000 take ${round(10_000 / sessions_per_s, 0)} s of one core, and a 256th of that in 256 functions at once`,
  );
}

function dollars(summary: ReturnType<typeof summaries>, indexBytes: number): void {
  const { costs, alone } = takeCosts(measure, summary, indexBytes);
  const { uploads } = costs;
  keepCosts(costs);
  figure(
    "requests_per_session",
    alone.writes + alone.reads + uploads,
    "requests",
    80,
    "lower",
    `counted at the bucket for a session of ten minutes and ${uploads} uploads, alone, each message an invocation: ${uploads} by the edge to store, by the indexer ${alone.writes} that write or list and ${alone.reads} that read; the bar is six for each upload`,
  );
  const settings = templateSettings();
  const rates = [
    { perHour: 1, bar: 0.25 },
    { perHour: 100, bar: 0.2 },
    { perHour: 10_000, bar: 0.15 },
  ];
  const outcomes = rates.map(({ perHour, bar }) => {
    const shape = {
      name: `${perHour} an hour`,
      sessionsPerHour: () => perHour,
      session: { minutes: 10, uploads, uploadBytes: UPLOAD_BYTES },
    };
    const outcome = simulate(shape, settings, measuredAt(costs, perHour));
    figure(
      `dollars_per_1000_sessions_${perHour}_an_hour`,
      outcome.dollarsPerThousandSessions,
      "$",
      bar,
      "lower",
      `list prices, all in: ${partsOf(outcome)
        .map(([what, dollars]) => `${what} ${dollars.toFixed(3)}`)
        .join(", ")}`,
    );
    return { perHour, outcome };
  });
  writeInto(
    "docs/guide/cost.md",
    "cargo xtask bench indexer",
    costTable(outcomes, measuredAt(costs, 1), settings, uploads),
  );
}

/** Dollars for 1,000 sessions, by what they are paid for. */
function partsOf({ dollarsPerMonth, dollarsPerThousandSessions }: Outcome): [string, number][] {
  const sum = Object.values(dollarsPerMonth).reduce((a, b) => a + b, 0);
  return Object.entries(dollarsPerMonth).map(([what, month]) => [
    what,
    (month / sum) * dollarsPerThousandSessions,
  ]);
}

/** Messages, as the table calls them. */
const NAMES: Record<string, string> = {
  first: "a first chunk",
  chunk: "a further chunk",
  look: "a look that finds chunks",
  quiet: "a look that finds none",
  end: "an end",
};

function costTable(
  outcomes: { perHour: number; outcome: Outcome }[],
  measured: Measured,
  settings: Settings & { mergeEveryS: number },
  uploads: number,
): string {
  const names = Object.keys(outcomes[0]?.outcome.dollarsPerMonth ?? {});
  const parts = outcomes.map(({ outcome }) => new Map(partsOf(outcome)));
  const per = ({ writes, reads }: Requests): string => `${round(writes)} and ${round(reads)}`;
  return [
    `| $ for 1,000 sessions, at so many an hour | ${outcomes.map(({ perHour }) => perHour.toLocaleString("en")).join(" | ")} |`,
    `|---|${"---|".repeat(outcomes.length)}`,
    ...names.map(
      (name) =>
        `| ${name} | ${parts.map((part) => (part.get(name) ?? 0).toFixed(3)).join(" | ")} |`,
    ),
    `| **together** | ${outcomes.map(({ outcome }) => `**${outcome.dollarsPerThousandSessions.toFixed(3)}**`).join(" | ")} |`,
    `| indexed after, a session's first chunk, median and 99th percentile | ${outcomes.map(({ outcome }) => `${outcome.lag.median} s, ${outcome.lag.p99} s`).join(" | ")} |`,
    `| its others, 99th percentile at most | ${outcomes.map(({ outcome }) => `${round(settings.mergeEveryS + 2 * outcome.lag.p99)} s`).join(" | ")} |`,
    "",
    `Inputs. Counted at the bucket, requests that write or list and that read: 1 and at most 2 for an upload, and by the indexer ${per(measured.session)} over a session's life. Beside these, once for an invocation that has such a message in it: ${measured.kinds
      .filter(({ once }) => once.writes + once.reads > 0)
      .map(({ kind, messages, once }) => `${per(once)} for ${NAMES[kind]} (${messages} a session)`)
      .join(
        ", ",
      )}. Timed: ${measured.edgeCpuMs} ms of the Worker's CPU for an upload; of the indexer's, at a whole processor, ${round(measured.cpuMs.invocation)} ms for an invocation, ${round(measured.cpuMs.chunk)} for a chunk's events and ${round(measured.cpuMs.message)} for a message beside.`,
    `Assumed: ten minutes in ${uploads} uploads of ${UPLOAD_BYTES / 1000} KB, evenly over the day; ${ERROR_SHARE * 100} % of sessions with an error, and so a tape; ${ANSWER_MS} ms for an answer of the bucket; ${EDGES} copies of the Worker that read a project's key and config once a minute. Chunks merged every ${settings.mergeEveryS} s, a window of ${settings.windowS} s, at most ${settings.batchMax} messages, ${settings.memoryMb} MB, as \`infra/aws/template.yaml\` has them. The Worker's plan of $5 a month is not in it.`,
    "",
  ].join("\n");
}

async function tables(): Promise<number> {
  const folder = madeTables(
    join(programs, "tapedeck-bench-files"),
    SESSIONS_SEARCHED,
    DAYS_SEARCHED,
  );
  const rows = SESSIONS_SEARCHED.toLocaleString("en");
  const everything = await readEverything(folder);
  for (const { name, query } of QUESTIONS) {
    const found = await search(folder, DAYS_SEARCHED, name, query);
    figure(
      `search_${name}_bytes_x`,
      found.bytes / everything.bytes,
      "x",
      0.25,
      "lower",
      `all ${round(everything.bytes / MIB, 1)} MiB of ${rows} rows in ${round(everything.ms / 1000, 1)} s; \`${query || "no filter"}\` read ${round(found.bytes / MIB, 2)} MiB in ${found.requests} requests and ${round(found.ms / 1000)} s from a disk, and found ${found.found.toLocaleString("en")}${found.complete ? "" : ", not all counted"}; the first rows after ${round(found.first_ms / 1000)} s and ${round(found.first_bytes / MIB, 2)} MiB, the first page as it stays after ${round(found.page_ms / 1000)} s and ${round(found.page_bytes / MIB, 2)} MiB`,
    );
  }
  const bytes = (["sessions", "errors", "pages"] as const).map((table) =>
    filesOf(folder, table).reduce((sum, file) => sum + file.bytes, 0),
  );
  const each = bytes.reduce((a, b) => a + b, 0) / SESSIONS_SEARCHED;
  figure(
    "index_bytes_per_session",
    each,
    "bytes",
    400,
    "lower",
    `compacted, all three tables: ${bytes.map((part) => round(part / SESSIONS_SEARCHED, 0)).join(", ")} in sessions, errors, pages`,
  );
  const day = filesOf(folder, "sessions").filter(({ day }) => day === "2023-11-14");
  const compacted = measure("compaction", ...day.map(({ url }) => url));
  figure(
    "compaction_rows_per_s",
    compacted.rows_per_s,
    "rows/s",
    20_000,
    "higher",
    `one core, a store in memory: ${compacted.files} small files of sessions with ${compacted.rows.toLocaleString("en")} rows into one, in ${round(compacted.seconds, 1)} s`,
  );
  return each;
}

async function stored(): Promise<void> {
  const ours = measure("tape", ...corpus);
  figure(
    "tape_of_chunks_x",
    ours.tape_bytes / ours.gzip_bytes,
    "x",
    0.65,
    "lower",
    `the gzip of the same ${ours.chunks} chunks: ${ours.tape_bytes} of ${ours.gzip_bytes} bytes, header of ${ours.header_bytes} included; the demo shop, ${round(ours.inflated_bytes / 1e6, 1)} MB of events`,
  );
  const folder = mkdtempSync(join(tmpdir(), "tapedeck-bench-"));
  try {
    for (const page of PAGES.filter(({ name }) => name === "rows" || name === "editor")) {
      const bodies = await bodiesOf(page);
      const bytes = (name: string): number =>
        (bodies.get(name) ?? []).reduce((sum, body) => sum + body.length, 0);
      mkdirSync(join(folder, page.name));
      const files = (bodies.get("tapedeck") ?? []).map((body, index) => {
        const file = join(folder, page.name, `${String(index).padStart(3, "0")}.ndjson.gz`);
        writeFileSync(file, body);
        return file;
      });
      const tape = measure("tape", ...files).tape_bytes;
      for (const peer of ["posthog", "sentry"]) {
        if (bytes(peer) === 0) throw new Error(`${peer} sent nothing of ${page.name}`);
        figure(
          `tape_${page.name}_of_${peer}_x`,
          tape / bytes(peer),
          "x",
          1,
          "lower",
          `what ${peer} sends of the same, compressed: ${bytes(peer)} bytes; the tape ${tape}, its chunks' gzip ${bytes("tapedeck")}`,
        );
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const summary = summaries();
merging();
rebuilding();
dollars(summary, await tables());
await stored();
report("indexer", figures);
