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
  const { uploads, sessions, manifest_bytes, steps } = measure("requests");
  const named = (name: string): Step => steps[name];
  const step = (name: string): Requests => {
    const found = named(name);
    return {
      writes: (found.PutObject ?? 0) + (found.ListObjectsV2 ?? 0) + (found.CopyObject ?? 0),
      reads: (found.GetObject ?? 0) + (found.HeadObject ?? 0),
    };
  };
  const each = (name: string): Requests =>
    combined((kind) => (step(`${name}_many`)[kind] - step(`${name}_1`)[kind]) / (sessions - 1));
  const merge = each("next");
  const first = combined((kind) => each("first")[kind] - merge[kind]);
  const tape = combined((kind) => step("end_error")[kind] - step("end_1")[kind]);
  const errors = combined((kind) => step("next_error")[kind] - step("next_1")[kind]);
  const cpu = (name: string): number => named(name).cpu_ms ?? Number.NaN;
  const mergeCpu = (cpu("next_many") - cpu("next_1")) / (sessions - 1);
  // The recorder's chunks are larger than those whose requests are counted.
  const inflated = UPLOAD_BYTES * (summary.bytes / summary.gzip_bytes);
  const costs: Costs = {
    taken_at: `${new Date().toISOString().slice(0, 19)}Z`,
    uploads,
    measured: {
      cpuMs: {
        invocation: Math.max(0, cpu("next_1") - mergeCpu),
        chunk: inflated / 1e3 / summary.summary_mb_per_s,
        merge: mergeCpu,
      },
      parallel: 4,
      invocation: combined((kind) => step("next_1")[kind] - merge[kind]),
      merge,
      chunk: combined((kind) => step("two_chunks_1")[kind] - step("next_1")[kind]),
      session: combined(
        (kind) =>
          first[kind] +
          each("hop")[kind] +
          each("end")[kind] +
          // An error is in one or two of a session's chunks.
          ERROR_SHARE * (tape[kind] + 1.5 * errors[kind]),
      ),
      looks: 2,
      rowFiles: step("first_1").writes - step("next_1").writes,
      derivedBytes: manifest_bytes + indexBytes,
    },
  };
  const alone = combined(
    (kind) =>
      step("first_1")[kind] +
      (uploads - 1) * step("next_1")[kind] +
      step("hop_1")[kind] +
      step("end_1")[kind],
  );
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
export function templateSettings(): Settings {
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
    batchMax: Number(batch),
    concurrencyMax: parameter("IndexerConcurrency"),
    memoryMb: parameter("IndexerMemoryMegabytes"),
  };
}
