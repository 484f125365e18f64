// What one session costs in requests, time and bytes: taken by `bench indexer` and `bench edge`, kept in measured.json for whoever simulates with it.

import { readFileSync, writeFileSync } from "node:fs";
import { read } from "../frame.ts";
import type { Measured, Requests, Settings } from "./simulate.ts";

const PLACE = new URL("measured.json", import.meta.url);

/** Nobody can measure it without an account: the bucket's answer within a region, on average. */
export const ANSWER_MS = 25;
/** A light page's, by docs/guide/scale.md. */
export const UPLOAD_BYTES = 30_000;
/** Copies of the Worker that answer at once, each of which remembers what it read for a minute. */
export const EDGES = 50;
/** Sessions with an error, which get a tape. */
export const ERROR_SHARE = 0.1;

/** What was counted and timed, as measured.json has it. */
export interface Costs {
  taken_at: string;
  /** Uploads of a session of ten minutes. */
  uploads: number;
  measured: Omit<Measured, "edgeCpuMs" | "answerMs" | "upload">;
}

type Step = Record<string, number>;

/** A message of a session's life, and what its invocation asked for. */
interface Message {
  kind: string;
  requests: Step;
}

function requestsOf(step: Step): Requests {
  return {
    writes: (step.PutObject ?? 0) + (step.ListObjectsV2 ?? 0) + (step.CopyObject ?? 0),
    reads: (step.GetObject ?? 0) + (step.HeadObject ?? 0),
  };
}

/** A function of `tapedeck-bench-indexer`, whose answers are read field by field. */
// biome-ignore lint/suspicious/noExplicitAny: a figure that is no number is refused where it is written.
type Measure = (...parameters: string[]) => any;

function combined(sum: (kind: keyof Requests) => number): Requests {
  return { writes: sum("writes"), reads: sum("reads") };
}

/** Takes what a session costs. Rows of `indexBytes` stay of each. */
export function takeCosts(
  measure: Measure,
  summary: { summary_mb_per_s: number; bytes: number; gzip_bytes: number },
  indexBytes: number,
): { costs: Costs; alone: Requests } {
  const { uploads, sessions, manifest_bytes, lives } = measure("requests");
  const one: Message[] = lives.one;
  const many: Message[] = lives.many;
  const sumOf = (life: Message[]): Requests =>
    combined((what) => life.reduce((sum, { requests }) => sum + requestsOf(requests)[what], 0));
  const alone = sumOf(one);
  const withErrors = sumOf(lives.error);
  const at = (life: Message[], index: number): Step => life[index]?.requests ?? {};
  // What a session adds to each message's invocation; the rest is asked for once, however many are in it.
  const each = many.map((_, index) =>
    combined(
      (what) =>
        (requestsOf(at(many, index))[what] - requestsOf(at(one, index))[what]) / (sessions - 1),
    ),
  );
  const kinds = ["first", "chunk", "look", "quiet", "end"].map((kind) => {
    const of = one.flatMap((message, index) => (message.kind === kind ? [index] : []));
    const once = combined(
      (what) =>
        of.reduce(
          (sum, index) =>
            sum + requestsOf(at(one, index))[what] - (each[index]?.[what] ?? Number.NaN),
          0,
        ) / of.length,
    );
    return { kind, messages: of.length, once };
  });
  const cpu = (life: Message[]): number =>
    life.reduce((sum, { requests }) => sum + (requests.cpu_ms ?? Number.NaN), 0);
  const cpuOfSession = (cpu(many) - cpu(one)) / (sessions - 1);
  // The recorder's chunks are larger than those whose requests are counted.
  const inflated = UPLOAD_BYTES * (summary.bytes / summary.gzip_bytes);
  const costs: Costs = {
    taken_at: `${new Date().toISOString().slice(0, 19)}Z`,
    uploads,
    measured: {
      cpuMs: {
        invocation: Math.max(0, (cpu(one) - cpuOfSession) / one.length),
        chunk: inflated / 1e3 / summary.summary_mb_per_s,
        message: cpuOfSession / one.length,
      },
      // SESSIONS_AT_ONCE in lambda-indexer/src/invocation.rs.
      parallel: 4,
      session: combined(
        (what) =>
          each.reduce((sum, message) => sum + message[what], 0) +
          ERROR_SHARE * (withErrors[what] - alone[what]),
      ),
      kinds,
      derivedBytes: manifest_bytes + indexBytes,
    },
  };
  return { costs, alone };
}

/** Keeps them. */
export function keepCosts(costs: Costs): void {
  const text = JSON.stringify(costs, (_, value) =>
    typeof value === "number" ? Number(value.toFixed(4)) : value,
  );
  writeFileSync(PLACE, `${JSON.stringify(JSON.parse(text), null, 2)}\n`);
}

/** What was kept. */
export function keptCosts(): Costs {
  return JSON.parse(readFileSync(PLACE, "utf8"));
}

/** For so many sessions an hour: of its project each copy of the Worker reads key and config once a minute. */
export function measuredAt(costs: Costs, sessionsPerHour: number, answerMs = ANSWER_MS): Measured {
  const edge = read("edge").figures.find(({ id }) => id === "cpu_ms");
  if (!edge) throw new Error("bench/results/edge.json has no cpu_ms: run `cargo xtask bench edge`");
  const reads = Math.min(2, (2 * EDGES) / ((sessionsPerHour * costs.uploads) / 60));
  return {
    ...costs.measured,
    edgeCpuMs: edge.value,
    answerMs,
    upload: { writes: 1, reads },
  };
}

/** As the template has them. */
export function templateSettings(): Settings & { mergeEveryS: number } {
  const template = readFileSync(new URL("../../infra/aws/template.yaml", import.meta.url), "utf8");
  const parameter = (name: string): number => {
    const found = new RegExp(`  ${name}:\\n(?:    .*\\n)*?    Default: (\\d+)`).exec(template)?.[1];
    if (found === undefined) throw new Error(`infra/aws/template.yaml has no parameter ${name}`);
    return Number(found);
  };
  const batch = /BatchSize: (\d+)/.exec(template)?.[1];
  if (batch === undefined) throw new Error("infra/aws/template.yaml has no BatchSize");
  return {
    windowS: parameter("BatchingWindowSeconds"),
    mergeEveryS: parameter("MergeEverySeconds"),
    batchMax: Number(batch),
    concurrencyMax: parameter("IndexerConcurrency"),
    memoryMb: parameter("IndexerMemoryMegabytes"),
  };
}
