import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { ROOT, type StackHandle } from "./stack.ts";
import { until } from "./until.ts";

/** A Worker of its own beside the stack's, on the same bucket. */
export interface Edge extends StackHandle {
  /** What it has logged so far. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts one with these rate limits by binding and a clock that runs so many times as fast, and waits until it answers. */
export async function startEdge(
  stack: StackHandle,
  name: string,
  limits: Record<string, number>,
  clock_speed?: number,
): Promise<Edge> {
  const port = await freePort();
  const log = join(stack.data, "logs", `${name}.log`);
  const output = createWriteStream(log);
  const child = spawn(join(ROOT, "node_modules/.bin/node"), ["local/edge/serve.mjs"], {
    cwd: ROOT,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      PORT: String(port),
      VARS: join(stack.data, "edge-vars.json"),
      RATE_LIMITS: JSON.stringify(limits),
      ...(clock_speed === undefined ? {} : { CLOCK_SPEED: String(clock_speed) }),
      WRANGLER_SEND_METRICS: "false",
    },
  });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const edge = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.stdin.end();
    await exited;
    output.end();
  };
  try {
    await until("the edge", async () => (await fetch(`${edge}/health`)).ok || undefined, 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...stack, up: { ...stack.up, edge }, log: () => readFile(log, "utf8"), stop };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
