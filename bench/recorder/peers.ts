// What is embedded: nothing, bare rrweb, ours, and peers as they are published, each as one script for a page.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildScript } from "../../recorder/build.ts";

const POSTHOG = "1.449.2";

/** A recorder as a page gets it. */
export interface Peer {
  readonly name: string;
  /** Files by name. */
  readonly files: ReadonlyMap<string, string>;
  /** What the page has in its head; `origin` takes uploads. */
  head(origin: string): string;
}

/** Everybody whose weight is compared. */
export async function peers(): Promise<Peer[]> {
  const ours = await buildScript();
  ours.delete("tapedeck-recorder-full.js");
  return [
    { name: "none", files: new Map(), head: () => "" },
    {
      name: "rrweb",
      files: new Map([
        [
          "rrweb.js",
          await bundled(
            'import { record } from "@rrweb/record"; globalThis.events = []; record({ emit: (event) => globalThis.events.push(event) });',
          ),
        ],
      ]),
      head: () => '<script src="/rrweb.js"></script>',
    },
    {
      name: "tapedeck",
      files: ours,
      head: (origin) =>
        `<script src="/tapedeck.js" data-key="pk_0123456789ABCDEFGHIJKL" data-edge="${origin}" data-mask-text="false"></script>`,
    },
    {
      // Without the limit of 10,000 mutations at once, at which it stops recording for good.
      name: "sentry",
      files: new Map([
        [
          "sentry.js",
          await bundled(`import { init, replayIntegration } from "@sentry/browser";
            init({ dsn: location.origin.replace("//", "//public@") + "/1", replaysSessionSampleRate: 1,
              integrations: [replayIntegration({ maskAllText: false, blockAllMedia: false, mutationLimit: 0 })] });`),
        ],
      ]),
      head: () => '<script src="/sentry.js"></script>',
    },
    {
      name: "posthog",
      files: new Map([
        ["array.js", posthog("array.js")],
        ["lazy-recorder.js", posthog("lazy-recorder.js")],
      ]),
      head: (origin) =>
        `<script src="/array.js"></script><script>posthog.init("phc_bench", { api_host: "${origin}", autocapture: false,
          session_recording: { maskAllInputs: true }, disable_surveys: true, opt_out_useragent_filter: true })</script>`,
    },
    {
      name: "openreplay",
      files: new Map([
        [
          "openreplay.js",
          await bundled(`import Tracker from "@openreplay/tracker";
            new Tracker({ projectKey: "bench", ingestPoint: location.origin, __DISABLE_SECURE_MODE: true }).start();`),
        ],
      ]),
      head: () => '<script src="/openreplay.js"></script>',
    },
  ];
}

async function bundled(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2020",
    legalComments: "none",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/** A built file of PostHog. Its package cannot be installed, since it depends on one that was withdrawn, but it can be fetched. */
function posthog(file: string): string {
  const folder = `${homedir()}/.cache/tapedeck/posthog-js-${POSTHOG}`;
  if (!existsSync(`${folder}/package/dist/${file}`)) {
    mkdirSync(folder, { recursive: true });
    const [packed = ""] = execFileSync("npm", ["pack", "--silent", `posthog-js@${POSTHOG}`], {
      cwd: folder,
      encoding: "utf8",
    })
      .trim()
      .split("\n")
      .slice(-1);
    execFileSync("tar", ["xzf", packed], { cwd: folder });
  }
  return readFileSync(`${folder}/package/dist/${file}`, "utf8");
}
