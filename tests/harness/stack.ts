import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./until.ts";

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a running stack says of itself, in `up.json`. */
export interface Up {
  edge: string;
  demo: string;
  player: string;
  /** Where tests ask for faults and counts. */
  control: string;
  project: string;
  project_key: string;
  viewer_token: string;
  bucket: {
    endpoint: string;
    name: string;
    region: string;
    access_key_id: string;
    secret_access_key: string;
    /** Of credentials that end. */
    session_token?: string | undefined;
  };
}

/** A stack that runs somewhere: all that a test needs to know to use it. */
export interface StackHandle {
  up: Up;
  /** Where its data and logs are. */
  data: string;
}

/** A stack that this process started. */
export interface Stack extends StackHandle {
  /** Stops it, and removes its data if it had made the folder itself. */
  stop(): Promise<void>;
}

/**
 * Starts the whole stack beside any other, with an empty bucket, and waits until everything answers. Everything must be built:
 * `cargo xtask test` sees to that.
 */
export async function startStack(): Promise<Stack> {
  const data = await mkdtemp(join(tmpdir(), "tapedeck-test-"));
  // `cargo xtask bench` names the release build.
  const program = process.env.TAPEDECK_LOCAL ?? join(ROOT, "target/debug/tapedeck-local");
  const child = spawn(program, ["up", "--data", data, "--ports", "auto", "--root", "."], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = createWriteStream(join(data, "up.out"));
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(`it ended with ${code ?? signal}`));
  });
  const stop = async (): Promise<void> => {
    await end(child);
    output.end();
    await rm(data, { recursive: true, force: true });
  };
  const failed = ended.then(async (how) => {
    const said = await readFile(join(data, "up.out"), "utf8");
    throw new Error(`the stack did not start: ${how}\n${said}`);
  });
  try {
    const up = await Promise.race([failed, until("up.json", () => readUp(data), 120_000)]);
    failed.catch(() => {});
    return { up, data, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readUp(data: string): Promise<Up> {
  return JSON.parse(await readFile(join(data, "up.json"), "utf8"));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return;
  }
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await exited;
  clearTimeout(late);
}

/** What a part (`edge`, `indexer`) has logged so far. */
export function readLog(stack: StackHandle, part: string): Promise<string> {
  return readFile(join(stack.data, "logs", `${part}.log`), "utf8");
}

/** Runs `act` while the bucket's port refuses connections, for so long, and comes back when the bucket does. */
export async function withoutBucket<T>(
  stack: StackHandle,
  seconds: number,
  act: () => Promise<T>,
): Promise<T> {
  await control(stack, "POST", `s3/pause?seconds=${seconds}`);
  try {
    return await act();
  } finally {
    await until(
      "the bucket to be back",
      async () => (await fetch(stack.up.bucket.endpoint)).status,
    );
  }
}

/** What the bucket was asked for by whom, and how many messages are where. */
export async function readCounters(stack: StackHandle): Promise<Counters> {
  return (await control(stack, "GET", "counters")).json();
}

/** See {@link readCounters}. */
export interface Counters {
  bucket: Record<string, Record<string, { requests: number; bytes: number }>>;
  queue: { visible: number; invisible: number; dead: number };
}

async function control(stack: StackHandle, method: string, call: string): Promise<Response> {
  const response = await fetch(`${stack.up.control}/_local/${call}`, { method });
  if (!response.ok) {
    throw new Error(`${call}: ${response.status} ${await response.text()}`);
  }
  return response;
}
