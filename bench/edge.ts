// What a batch costs: in workerd, against a Worker in JavaScript that does the same checks; natively, against inflating alone. How large the
// Worker is, how long it takes to start, and what memory it takes at most.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  CORPUS,
  EDGE,
  JAVASCRIPT,
  NOTHING,
  type Running,
  startStore,
  startWorker,
} from "./edge/workers.ts";
import { type Figure, median, report, round } from "./frame.ts";

const KEY = `pk_${"0".repeat(22)}`;
const WARM_UP = 150;
/** Batches of one measurement of CPU time; several are taken in turn, so that what else the machine does falls on both. */
const BATCHES = 400;
const ROUNDS = 3;
/** Of the fixed load. */
const LOAD_PER_S = 20;
const LOAD_S = 10;

const ORIGIN = {
  origin: "https://shop.example",
  "content-type": "text/plain",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0",
};

/** An upload of these events, of a session that starts with them. */
function bodyOf(gzip: Buffer): Buffer {
  const lines = gunzipSync(gzip).toString().trimEnd().split("\n");
  const timeOf = (line: string | undefined): number => JSON.parse(line ?? "{}").timestamp;
  const key = randomBytes(16);
  key.writeUInt32BE(Math.floor(timeOf(lines[0]) / 1000));
  const header = {
    upload: key.toString("base64url"),
    page: "a1B2c3D4",
    seq: 0,
    reason: "all",
    sent: timeOf(lines.at(-1)),
    sdk: "bench/1",
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), gzip]);
}

async function send(worker: Running, body: Buffer): Promise<void> {
  const response = await fetch(`${worker.url}/v1/batches?key=${KEY}`, {
    method: "POST",
    headers: ORIGIN,
    body: new Uint8Array(body),
  });
  const text = await response.text();
  if (text !== '{"outcome":"stored"}') throw new Error(`${response.status} ${text}`);
}

/** Milliseconds of CPU in workerd for each of so many batches, four at a time. */
async function cpuPerBatch(worker: Running, bodies: Buffer[], count: number): Promise<number> {
  const before = worker.usage().cpu_s;
  let next = 0;
  const line = async () => {
    while (next < count) await send(worker, bodies[next++ % bodies.length] as Buffer);
  };
  await Promise.all([line(), line(), line(), line()]);
  return ((worker.usage().cpu_s - before) * 1000) / count;
}

/** Batches a second as fast as eight at a time go, and the 99th percentile of milliseconds at a fixed load. */
async function speed(
  worker: Running,
  bodies: Buffer[],
): Promise<{ per_s: number; p99_ms: number }> {
  const begun_ms = performance.now();
  let next = 0;
  const line = async () => {
    while (next < BATCHES) await send(worker, bodies[next++ % bodies.length] as Buffer);
  };
  await Promise.all(Array.from({ length: 8 }, line));
  const per_s = (BATCHES * 1000) / (performance.now() - begun_ms);
  const times: number[] = [];
  const sent: Promise<void>[] = [];
  for (let i = 0; i < LOAD_PER_S * LOAD_S; i++) {
    sent.push(
      (async () => {
        const begun_ms = performance.now();
        await send(worker, bodies[i % bodies.length] as Buffer);
        times.push(performance.now() - begun_ms);
      })(),
    );
    await sleep(1000 / LOAD_PER_S);
  }
  await Promise.all(sent);
  times.sort((a, b) => a - b);
  return { per_s, p99_ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN };
}

/** The largest batch that the usual limits allow: 16 MiB of events, nearly 2 MiB of them noise that gzip leaves as it is. */
function largestBatch(): Buffer {
  const at_ms = Date.now() - 60_000;
  const lines: string[] = [];
  for (let bytes = 0; ; ) {
    const noise = randomBytes(2_400).toString("base64");
    const line = JSON.stringify({
      type: 3,
      timestamp: at_ms,
      data: { source: 0, noise, text: "lorem ipsum dolor ".repeat(1_200) },
    });
    bytes += line.length + 1;
    if (bytes > 16 * 1024 * 1024) break;
    lines.push(line);
  }
  return gzipSync(lines.join("\n"));
}

/** What an isolate holds, in bytes, as the limit of 128 MB counts it: wasm's memory, which only grows, beside the heap and its buffers at most. */
async function watchMemory(worker: Running): Promise<{ most(): Promise<number> }> {
  const listed: unknown = await (await fetch(`${worker.inspector}/json`)).json();
  const [isolate] = listed as { webSocketDebuggerUrl: string }[];
  if (isolate === undefined) throw new Error("workerd lists no isolate");
  const socket = new WebSocket(isolate.webSocketDebuggerUrl);
  await once(socket, "open");
  // https://chromedevtools.github.io/devtools-protocol/v8/Runtime/
  const waiting: ((result: never) => void)[] = [];
  let contextId: number | undefined;
  socket.addEventListener("message", ({ data }) => {
    const { id, result, method, params } = JSON.parse(data);
    if (method === "Runtime.executionContextCreated") contextId = params.context.id;
    else waiting[id]?.(result as never);
  });
  const call = <T>(method: string, params: object = {}): Promise<T> => {
    const answered = new Promise<T>((resolve) => waiting.push(resolve));
    socket.send(JSON.stringify({ id: waiting.length - 1, method: `Runtime.${method}`, params }));
    return answered;
  };
  type HeapUsage = Record<"usedSize" | "embedderHeapUsedSize" | "backingStorageSize", number>;
  await call("enable");
  let most = 0;
  let isOver = false;
  const watched = (async () => {
    while (!isOver) {
      const usage = await call<HeapUsage>("getHeapUsage");
      const { usedSize, embedderHeapUsedSize, backingStorageSize } = usage;
      most = Math.max(most, usedSize + embedderHeapUsedSize + backingStorageSize);
    }
  })();
  type Remote = { result: { objectId: string; value: number } };
  return {
    most: async () => {
      isOver = true;
      await watched;
      const memory = { contextId, expression: "WebAssembly.Memory.prototype" };
      const prototype = await call<Remote>("evaluate", memory);
      const query = { prototypeObjectId: prototype.result.objectId };
      const { objects } = await call<{ objects: { objectId: string } }>("queryObjects", query);
      const bytes = await call<Remote>("callFunctionOn", {
        objectId: objects.objectId,
        functionDeclaration:
          "function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0); }",
        returnByValue: true,
      });
      socket.close();
      return most + bytes.result.value;
    },
  };
}

/** Megabytes that several of the largest batches at once take at most: of the isolate, and of workerd beyond what it has when it is idle. */
async function memory(
  bindings: Record<string, string>,
): Promise<{ isolate_mib: number; process_mib: number; stored: number; busy: number }> {
  const worker = await startWorker(EDGE, bindings);
  try {
    await fetch(`${worker.url}/health`);
    const before = worker.usage().rss_bytes;
    const watched = await watchMemory(worker);
    const bodies = Array.from({ length: 8 }, () => bodyOf(largestBatch()));
    const answers = { stored: 0, busy: 0 };
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        bodies.map(async (body) => {
          const response = await fetch(`${worker.url}/v1/batches?key=${KEY}`, {
            method: "POST",
            headers: ORIGIN,
            body: new Uint8Array(body),
          });
          const text = await response.text();
          // 503 is how it stays bounded.
          if (response.status !== 200 && response.status !== 503)
            throw new Error(`${response.status} ${text}`);
          answers[response.status === 200 ? "stored" : "busy"]++;
        }),
      );
    }
    const isolate_mib = (await watched.most()) / 2 ** 20;
    const process_mib = (worker.usage().rss_max_bytes - before) / 2 ** 20;
    return { isolate_mib, process_mib, ...answers };
  } finally {
    await worker.stop();
  }
}

/** Milliseconds of CPU until the first answer, beyond those of a Worker that does nothing. */
async function startUp(bindings: Record<string, string>): Promise<number> {
  const first = async (modules: Record<string, Buffer>) => {
    const worker = await startWorker(modules, bindings);
    try {
      await fetch(`${worker.url}/health`);
      return worker.usage().cpu_s * 1000;
    } finally {
      await worker.stop();
    }
  };
  const beyond: number[] = [];
  for (let i = 0; i < 3; i++) beyond.push((await first(EDGE)) - (await first(NOTHING)));
  return median(beyond);
}

interface Native {
  batches: number;
  bytes: number;
  inflate_mb_per_s: number;
  admit_mb_per_s: number;
  growth: { bytes: number; ns_per_byte: number }[];
}

const files = readdirSync(CORPUS).map((name) => join(CORPUS, name));
const gzips = files.map((file) => readFileSync(file));
const program = process.env.TAPEDECK_BENCH;
if (program === undefined) throw new Error("run it by `cargo xtask bench edge`");
const native: Native = JSON.parse(execFileSync(program, files, { encoding: "utf8" }));

const config = {
  version: 1,
  revision: 1,
  project: "bench",
  keys: [KEY],
  origins: ["https://shop.example"],
  sampling: [{ from_ms: 0, all: 1 }],
};
const { url, server } = await startStore(
  new Map([
    [`/bench/config/keys/${KEY}.json`, JSON.stringify({ version: 1, project: "bench" })],
    ["/bench/config/projects/bench.json", JSON.stringify(config)],
  ]),
);
const bindings = {
  CONFIG_ENDPOINT: url,
  CONFIG_BUCKET: "bench",
  CONFIG_REGION: "us-east-1",
  S3_ACCESS_KEY_ID: "bench",
  S3_SECRET_ACCESS_KEY: "bench",
};

const bodies = gzips.map(bodyOf);
const [rust, javascript] = [
  await startWorker(EDGE, bindings),
  await startWorker(JAVASCRIPT, bindings),
];
const cpu = { rust: [] as number[], javascript: [] as number[] };
for (const worker of [rust, javascript]) await cpuPerBatch(worker, bodies, WARM_UP);
for (let round = 0; round < ROUNDS; round++) {
  cpu.rust.push(await cpuPerBatch(rust, bodies, BATCHES));
  cpu.javascript.push(await cpuPerBatch(javascript, bodies, BATCHES));
}
const speeds = { rust: await speed(rust, bodies), javascript: await speed(javascript, bodies) };
await Promise.all([rust.stop(), javascript.stop()]);
const { isolate_mib, process_mib, stored, busy } = await memory(bindings);
const start_ms = await startUp(bindings);
server.close();

const [ours, theirs] = [median(cpu.rust), median(cpu.javascript)];
const inflated_kib = native.bytes / native.batches / 1024;
const perByte = native.growth.map(({ ns_per_byte }) => ns_per_byte);
const gzipped = Object.values(EDGE).reduce(
  (sum, file) => sum + gzipSync(file, { level: 9 }).length,
  0,
);
const figures: Figure[] = [
  {
    id: "cpu_ratio",
    value: round(ours / theirs),
    unit: "x",
    bar: 0.25,
    better: "lower",
    against: `CPU time in workerd for a batch, ${round(ours)} ms, to that of bench/edge/worker.js, ${round(theirs)} ms; ${native.batches} recorded batches of ${round(inflated_kib, 0)} KiB on average, ${ROUNDS} × ${BATCHES} sent to each in turn`,
  },
  {
    id: "cpu_ms",
    value: round(ours),
    unit: "ms",
    bar: 10,
    better: "lower",
    against:
      "the 10 ms that the platform's free plan allows a request; CPU time in workerd for one of the same batches",
  },
  {
    id: "batches_per_s",
    value: round(speeds.rust.per_s, 0),
    unit: "batches/s",
    bar: round(speeds.javascript.per_s, 0),
    better: "higher",
    against: "bench/edge/worker.js on the same machine, client and store included, eight at a time",
  },
  {
    id: "p99_ms",
    value: round(speeds.rust.p99_ms, 1),
    unit: "ms",
    bar: round(speeds.javascript.p99_ms, 1),
    better: "lower",
    against: `bench/edge/worker.js at the same load of ${LOAD_PER_S} batches a second`,
  },
  {
    id: "native_ratio",
    value: round(native.inflate_mb_per_s / native.admit_mb_per_s),
    unit: "x",
    bar: 5,
    better: "lower",
    against: `admitting and scrubbing, ${round(native.admit_mb_per_s, 0)} MB/s, to inflating the same with zlib-rs, ${round(native.inflate_mb_per_s, 0)} MB/s`,
  },
  {
    id: "growth",
    value: round(Math.max(...perByte) / Math.min(...perByte)),
    unit: "x",
    bar: 1.5,
    better: "lower",
    against: `most to least time per byte from 10 KiB to 16 MiB: ${native.growth.map(({ bytes, ns_per_byte }) => `${round(bytes / 1024, 0)} KiB ${round(ns_per_byte)} ns`).join(", ")}`,
  },
  {
    id: "size_kib",
    value: round(gzipped / 1024, 0),
    unit: "KiB",
    bar: 450,
    better: "lower",
    against: "the compiled Worker as it is deployed, gzip -9",
  },
  {
    id: "start_ms",
    value: round(start_ms, 0),
    unit: "ms",
    bar: 500,
    better: "lower",
    against:
      "CPU time until the first answer beyond that of a Worker that does nothing; the platform allows 1 s",
  },
  {
    id: "memory_mib",
    value: round(isolate_mib, 0),
    unit: "MiB",
    bar: 96,
    better: "lower",
    against: `the isolate's heap, buffers and wasm memory, which the platform ends at 128 MB, while 24 of the largest batches came, eight at once: ${stored} were stored, ${busy} told to come again; all of workerd took ${round(process_mib, 0)} MiB beyond what it has when it is idle`,
  },
];
report("edge", figures);
