// Two Workers in workerd with the same store behind them: the edge as it is built, and the one in JavaScript.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** The program; its package says where it is, and has no types. */
const WORKERD: string = createRequire(import.meta.url)("workerd").default;

/** A Worker in a workerd of its own. */
export interface Running {
  url: string;
  /** Where its inspector answers. */
  inspector: string;
  /** Seconds of CPU that its workerd has used, and bytes of memory that it has at most had. */
  usage(): { cpu_s: number; rss_bytes: number; rss_max_bytes: number };
  stop(): Promise<void>;
}

/** A store that keeps nothing but the config, so that what is measured is the Worker. */
export async function startStore(
  objects: Map<string, string>,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://store").pathname);
    request.resume().on("end", () => {
      if (request.method === "PUT") return response.writeHead(200, { etag: '"1"' }).end();
      const object = objects.get(path);
      if (object !== undefined) return response.writeHead(200, { etag: '"1"' }).end(object);
      response.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** The edge as `cargo xtask` has built it. */
export const EDGE = {
  "index.js": readFileSync(new URL("../../edge-worker/build/index.js", import.meta.url)),
  "index_bg.wasm": readFileSync(new URL("../../edge-worker/build/index_bg.wasm", import.meta.url)),
};

/** The comparison. */
export const JAVASCRIPT = {
  "worker.js": readFileSync(new URL("worker.js", import.meta.url)),
};

/** Nothing but an answer: what workerd costs by itself. */
export const NOTHING = {
  "nothing.js": Buffer.from('export default { fetch: () => new Response("{}") };'),
};

/** Of text in a workerd configuration: <https://capnproto.org/language.html>. */
const quoted = (text: string): string => JSON.stringify(text);

/** One Worker behind one socket, and nothing else: what a development server puts in front would be half of what is measured. */
function configOf(modules: string[], bindings: Record<string, string>): string {
  const listed = modules.map(
    (name) =>
      `(name = ${quoted(name)}, ${name.endsWith(".wasm") ? "wasm" : "esModule"} = embed ${quoted(name)})`,
  );
  const bound = Object.entries(bindings).map(
    ([name, text]) => `(name = ${quoted(name)}, text = ${quoted(text)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  compatibilityDate = "2026-07-01",
  modules = [${listed.join(", ")}],
  bindings = [${bound.join(", ")}],
);
`;
}

/** Starts a Worker and waits until workerd listens. No request has come to it then. */
export async function startWorker(
  modules: Record<string, Buffer>,
  bindings: Record<string, string>,
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "tapedeck-bench-"));
  for (const [name, contents] of Object.entries(modules))
    writeFileSync(join(folder, name), contents);
  writeFileSync(join(folder, "config.capnp"), configOf(Object.keys(modules), bindings));
  const arguments_ = ["serve", "config.capnp", "--control-fd=3", "--inspector-addr=127.0.0.1:0"];
  const child = spawn(WORKERD, arguments_, {
    cwd: folder,
    // What Workers log is written, and read by nobody.
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const ports = new Map<string, number>();
  for await (const line of createInterface(child.stdio[3] as Readable)) {
    const { event, socket, port } = JSON.parse(line);
    ports.set(event === "listen" ? socket : "inspector", port);
    if (ports.size === 2) break;
  }
  const pid = child.pid;
  if (pid === undefined || ports.size < 2) throw new Error("workerd does not listen");
  return {
    url: `http://127.0.0.1:${ports.get("http")}`,
    inspector: `http://127.0.0.1:${ports.get("inspector")}`,
    usage: () => usage(pid),
    stop: async () => {
      const ended = once(child, "exit");
      // It would wait for connections that are kept open.
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

const TICKS_PER_S = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** proc(5) */
function usage(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return {
    cpu_s: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S,
    rss_bytes: kib("VmRSS") * 1024,
    rss_max_bytes: kib("VmHWM") * 1024,
  };
}

/** The folder of the recorded batches. */
export const CORPUS = fileURLToPath(new URL("../corpus/", import.meta.url));
