// Serves the built Worker in workerd, as its wrangler.toml describes it.
//
// Settings come from the environment: PORT; EDGE, the Worker's folder if it is not edge-worker/; VARS, the name of a file with the Worker's variables as JSON, so that secrets are
// on no command line; and RATE_LIMITS, limits by binding as JSON. Without that nothing is limited, since all visitors of this
// machine have one address. CLOCK_SPEED makes the Worker's clock run so many times as fast: tests of what holds for a minute do not
// wait for one. It ends when its standard input does: then who started it is gone.
// @ts-check
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const { PORT, VARS, RATE_LIMITS, CLOCK_SPEED } = process.env;
if (PORT === undefined || VARS === undefined) {
  throw new Error("PORT and VARS must be set");
}

const folder =
  process.env.EDGE ?? join(dirname(fileURLToPath(import.meta.url)), "../../edge-worker");
const { main, workerOptions } = unstable_getMiniflareWorkerOptions(join(folder, "wrangler.toml"));
if (main === undefined) {
  throw new Error("edge-worker/wrangler.toml has no main");
}

const bindings = /** @type {Record<string, import("miniflare").Json>} */ (workerOptions.bindings);

const limits = RATE_LIMITS === undefined ? {} : JSON.parse(RATE_LIMITS);
const ratelimits = Object.fromEntries(
  Object.entries(workerOptions.ratelimits ?? {})
    .filter(([name]) => name in limits)
    .map(([name, { simple, ...rest }]) => [
      name,
      { ...rest, simple: { ...simple, limit: limits[name] } },
    ]),
);

// The platform's analytics keep no data here: each data point becomes a line of the log.
const datasets = Object.keys(workerOptions.analyticsEngineDatasets ?? {});
const analytics = {
  name: "analytics",
  compatibilityDate: workerOptions.compatibilityDate,
  modules: true,
  script: `
    import { WorkerEntrypoint } from "cloudflare:workers";
    export class Dataset extends WorkerEntrypoint {
      writeDataPoint(point) {
        console.log(JSON.stringify({ point }));
      }
    }
    export default { fetch: () => new Response(null, { status: 404 }) };`,
};

// Timers keep their pace: only what the Worker reads from the clock is ahead, by more and more. The clock stands still at zero while
// a Worker's modules are evaluated, so it is told when it began.
const clock = `
  const Real = Date, begun = ${Date.now()};
  const now = () => begun + (Real.now() - begun) * ${Number(CLOCK_SPEED)};
  globalThis.Date = class extends Real {
    constructor(...given) {
      super(...(given.length === 0 ? [now()] : given));
    }
    static now() {
      return now();
    }
  };`;
/** @type {{ type: "ESModule", path: string, contents: string }[]} */
const clocks =
  CLOCK_SPEED === undefined
    ? []
    : [
        {
          type: "ESModule",
          path: join(dirname(main), "fast.js"),
          contents: 'import "./clock.js"; export { default } from "./index.js";',
        },
        { type: "ESModule", path: join(dirname(main), "clock.js"), contents: clock },
      ];

// wrangler reads wrangler.toml into the options of Miniflare 4, and Miniflare 5 takes them converted.
const options = convertV4MiniflareOptions({
  workers: [
    {
      ...workerOptions,
      name: "edge",
      bindings: { ...bindings, ...JSON.parse(await readFile(VARS, "utf8")) },
      ratelimits,
      analyticsEngineDatasets: {},
      serviceBindings: Object.fromEntries(
        datasets.map((name) => [name, { name: "analytics", entrypoint: "Dataset" }]),
      ),
      modulesRoot: dirname(main),
      modules: [
        ...clocks,
        { type: "ESModule", path: main },
        { type: "CompiledWasm", path: join(dirname(main), "index_bg.wasm") },
      ],
    },
    analytics,
  ],
  host: "127.0.0.1",
  port: Number(PORT),
  // What `request.cf` holds would otherwise be fetched from the Internet.
  cf: false,
  telemetry: { enabled: false },
  log: new Log(LogLevel.INFO),
});
const miniflare = new Miniflare(options);

let ending = false;
async function end() {
  if (!ending) {
    ending = true;
    await miniflare.dispose();
    process.exit(0);
  }
}
process.stdin.on("end", end).on("error", end).resume();
process.on("SIGTERM", end).on("SIGINT", end);

await miniflare.ready;
