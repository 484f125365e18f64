/** The recipes of `docs/embed.md`, with the real frameworks, in a page that has nothing else. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { KEY } from "./edge.js";
import { context, edge, site } from "./setup.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SAMPLES = new Map(
  Array.from(
    readFileSync(at("../../../docs/embed.md"), "utf8").matchAll(
      /^## (\S+?):? .*\n[\s\S]*?^```tsx?\n([\s\S]*?)^```$|^## (\S+)\n[\s\S]*?^```tsx?\n([\s\S]*?)^```$/gm,
    ),
    ([, name, code, plain, other]) => [name ?? plain, code ?? other ?? ""],
  ),
);

/** Opens a page with that as its only script. `sample` is what the docs say under the heading. */
async function run(heading: string, main: string): Promise<Page> {
  const sample = SAMPLES.get(heading);
  if (sample === undefined) throw new Error(`docs/embed.md has no sample for ${heading}`);
  const { outputFiles } = await build({
    stdin: { contents: main, loader: "tsx", resolveDir: at(".") },
    bundle: true,
    format: "iife",
    target: "es2022",
    jsx: "automatic",
    write: false,
    define: {
      "process.env.NODE_ENV": '"production"',
      // As Next.js puts them into what the browser gets.
      "process.env.NEXT_PUBLIC_TAPEDECK_EDGE": JSON.stringify(edge.origin),
      "process.env.NEXT_PUBLIC_TAPEDECK_KEY": JSON.stringify(KEY),
      "process.env.NEXT_PUBLIC_RELEASE": '"r2"',
    },
    plugins: [
      {
        name: "recipe",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^@tapedeck\/recorder$/ }, () => ({
            path: at("../../src/index.ts"),
          }));
          onResolve({ filter: /^sample$/ }, () => ({ path: heading, namespace: "sample" }));
          onLoad({ filter: /./, namespace: "sample" }, () => ({
            contents: sample,
            loader: "tsx",
            resolveDir: at("."),
          }));
        },
      },
    ],
  });
  const code = (outputFiles[0]?.text ?? "").replaceAll("</script", "<\\/script");
  site.documents.set(
    "/recipe",
    `<!doctype html><html><body><div id="app"></div><script>${code}</script></body></html>`,
  );
  const page = await context.newPage();
  await page.goto(`${site.origin}/recipe`);
  return page;
}

const START = `import * as recorder from "@tapedeck/recorder";
  globalThis.Tapedeck = recorder;
  recorder.init({ edge: EDGE, key: "${KEY}", player: "https://player.example" });
  recorder.start();
  const recording = new Promise((resolve) => recorder.on("state", ({ state }) => { if (state === "recording") resolve(); }));`;
const start = (): string => START.replace("EDGE", JSON.stringify(edge.origin));

test("React: what a boundary catches is told, and the visitor is shown the link", async () => {
  const page = await run(
    "React",
    `import { createRoot } from "react-dom/client"; import { Boundary } from "sample"; ${start()}
     function Broken() { throw new RangeError("broken component"); }
     recording.then(() => createRoot(document.getElementById("app")).render(<Boundary><Broken /></Boundary>));`,
  );
  await edge.until("the error", () =>
    edge.payloads("tapedeck.error").find(({ mechanism }) => mechanism === "api"),
  );
  expect(edge.payloads("tapedeck.error")[0]).toMatchObject({
    type: "RangeError",
    message: "broken component",
    handled: true,
  });
  expect(await page.textContent("#app")).toMatch(
    /https:\/\/player\.example\/#\/sessions\/demo\/\S+\?at=\d{13}/,
  );
});

test("Vue: what the application's handler gets is told", async () => {
  await run(
    "Vue",
    `import { createApp } from "vue"; import { withErrors } from "sample"; ${start()}
     recording.then(() => withErrors(createApp({ render() { throw new RangeError("broken view"); } })).mount("#app"));`,
  );
  await edge.until("the error", () =>
    edge.payloads("tapedeck.error").find(({ mechanism }) => mechanism === "api"),
  );
  expect(
    edge.payloads("tapedeck.error").find(({ mechanism }) => mechanism === "api"),
  ).toMatchObject({ message: "broken view", handled: true });
});

test("Next.js: the client's instrumentation records, with the release", async () => {
  await run("Next.js", 'import "sample";');
  await edge.until("an upload", () => edge.uploads[0]);
  expect(edge.payloads("tapedeck.session")[0].release).toBe("r2");
});

test("Sentry: its event has the session and the link", async () => {
  let sent = "";
  await context.route("https://sentry.example.com/**", async (route) => {
    sent += route.request().postData() ?? "";
    await route.fulfill({ contentType: "application/json", body: "{}" });
  });
  const page = await run(
    "Sentry",
    `import "sample"; ${start()}
     recording.then(() => { globalThis.ready = true; setTimeout(() => { throw new RangeError("for both"); }); });`,
  );
  await expect.poll(() => sent).toContain("for both");
  const session = await page.evaluate(() => Tapedeck.getSessionId());
  expect(sent).toContain(`"session.id":"${session}"`);
  expect(sent).toContain(`https://player.example/#/sessions/demo/${session}?at=`);
  await page.evaluate(() => Tapedeck.flush());
  expect(edge.payloads("tapedeck.error")).toMatchObject([{ message: "for both", handled: false }]);
});
