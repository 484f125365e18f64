// Two Workers in workerd with the same store behind them: the edge as it is built, and the one in JavaScript.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";

/** A Worker in a workerd of its own. */
export interface Running {
  url: string;
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

/** Starts a Worker and waits until workerd listens. No request has come to it then. */
export async function startWorker(
  modules: Record<string, Buffer>,
  bindings: Record<string, string>,
): Promise<Running> {
  const before = workerds();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modulesRoot: "/",
      modules: Object.entries(modules).map(([path, contents]) => ({
        type: path.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
        path: `/${path}`,
        contents: path.endsWith(".wasm") ? contents : contents.toString(),
      })),
      bindings,
      compatibilityDate: "2026-07-01",
      host: "127.0.0.1",
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.ERROR),
      // What Workers log is written, and read by nobody.
      handleStructuredLogs: () => {},
    } as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  const url = (await miniflare.ready).origin;
  const pid = workerds().find((pid) => !before.includes(pid));
  if (pid === undefined) throw new Error("there is no workerd among the children of this process");
  return { url, usage: () => usage(pid), stop: () => miniflare.dispose() };
}

/** Children of this process that are workerd. */
function workerds(): number[] {
  const listed = execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(process.pid)], {
    encoding: "utf8",
  });
  return listed
    .split("\n")
    .filter((line) => line.includes("workerd"))
    .map((line) => Number.parseInt(line, 10));
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
