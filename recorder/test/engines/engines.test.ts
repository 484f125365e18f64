/** In Chromium, Firefox and WebKit: leaving a page in five ways loses nothing, and what is captured is the same. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Edge, projectConfig } from "../browser/edge.js";
import { Site } from "../browser/site.js";
import { ENGINES, type Engine, type Tab } from "./engine.js";

/** How often each way is tried; 30 before a release. */
const ROUNDS = Number(process.env.TAPEDECK_LEAVING_ROUNDS ?? 5);

const WAYS: [string, (tab: Tab) => Promise<unknown>][] = [
  ["a link", (tab) => tab.click("a")],
  ["reload", (tab) => tab.reload()],
  ["closing the tab", (tab) => tab.close()],
  // Not by the driver, which waits for a load that a page from the back/forward cache does not have.
  ["back", (tab) => tab.run("void setTimeout(() => history.back())")],
  ["a script", (tab) => tab.run("void setTimeout(() => location.assign('/two'))")],
];
const RECORDING = `new Promise((resolve) => {
  Tapedeck.on("state", ({ state, error }) => state === "recording" ? resolve() : error && resolve(String(error)));
})`;

/** What a driver's client says once the driver has ended by itself, as WebKitGTK's does now and then: nothing was tested then, so it is tried again. */
const DRIVER_ENDED = /ECONNREFUSED|ECONNRESET|socket hang up/;

for (const { name, missing, start } of ENGINES) {
  describe.skipIf(missing !== undefined)(
    missing === undefined ? name : `${name}: ${missing}`,
    { retry: { count: 2, condition: DRIVER_ENDED } },
    () => {
      let engine: Engine;
      let edge: Edge;
      let site: Site;

      beforeAll(async () => {
        edge = await Edge.start();
        site = await Site.start(edge.origin);
        engine = await start();
      });
      beforeEach(async () => {
        edge.reset();
        site.reset();
        if (engine.hasEnded()) engine = await start();
      });
      afterEach(() => {
        expect(edge.broken).toEqual([]);
      });
      afterAll(async () => {
        await engine?.stop();
        edge.stop();
        site.stop();
      });

      /** Types of the first events of the page at that path. Tabs of the tests before may still say that they are closed. */
      const beginning = (path: string): number[] | undefined =>
        edge.uploads
          .find(({ events }) => events[0]?.data.payload?.url === site.origin + path)
          ?.events.slice(0, 3)
          .map(({ type }) => type);

      test.each(WAYS)(
        "leaving by %s loses nothing",
        async (_, leave) => {
          edge.config = () => projectConfig({ flushMs: 60_000 });
          site.pages.set("/one", "<a href='/two'>two</a>");
          site.pages.set("/two", "<h1>Two</h1>");
          for (let round = 0; round < ROUNDS; round++) {
            const words = `last words ${round}`;
            const tab = await engine.open();
            await tab.goto(`${site.origin}/`);
            await tab.goto(`${site.origin}/one`);
            expect(await tab.run(RECORDING)).toBeFalsy();
            await tab.run("Tapedeck.flush()");
            await tab.run(`void Tapedeck.track("${words}")`);
            await leave(tab);
            await edge.until(`${words} of ${ROUNDS}`, () =>
              edge.payloads("tapedeck.custom").some((one) => one.name === words),
            );
            // Which the way itself may have done.
            await tab.close().catch(() => {});
          }
        },
        30_000 + ROUNDS * 10_000,
      );

      test("clicks, keys, the DOM, console, errors, requests and navigation are captured", async () => {
        site.pages.set(
          "/all",
          `<button id="alive">Alive</button><input id="name"><div id="host"></div><script>
          alive.onclick = () => document.body.append("changed");
          function broken() { throw new RangeError("thrown", { cause: new Error("inner") }); }
        </script>`,
        );
        const tab = await engine.open();
        await tab.goto(`${site.origin}/all`);
        expect(await tab.run(RECORDING)).toBeFalsy();
        await tab.click("#alive");
        await tab.type("#name", "Jane");
        await tab.click("#alive");
        await tab.run(`(async () => {
        console.warn("a warning");
        host.attachShadow({ mode: "open" }).innerHTML = "<p>in the shade</p>";
        const sheet = new CSSStyleSheet();
        sheet.replaceSync("p { color: red }");
        document.adoptedStyleSheets = [sheet];
        await fetch("/asked?q=secret").then((answer) => answer.text());
        history.pushState(null, "", "/pushed");
        setTimeout(broken);
        void Promise.reject(new Error("rejected"));
        document.body.append("SECOND");
      })()`);
        // One command after the other: WebKit's driver ends at a second one while the first is under way.
        await expect
          .poll(
            async () => {
              await tab.run("Tapedeck.flush()");
              return [
                edge.payloads("tapedeck.error").length,
                edge.payloads("tapedeck.click").length,
                edge.payloads("tapedeck.request").length,
              ];
            },
            { timeout: 15_000 },
          )
          .toEqual([2, 2, 1]);
        const { stored } = edge;
        expect(beginning("/all")).toEqual([5, 4, 2]);
        expect(edge.payloads("tapedeck.session")[0].browser.user_agent).toBeTruthy();
        expect(edge.payloads("tapedeck.click")[0]).toMatchObject({
          selector: "button#alive",
          effects: expect.arrayContaining(["mutation"]),
        });
        expect(edge.payloads("tapedeck.input")).toMatchObject([
          { selector: "input#name", keys: 4 },
        ]);
        expect(edge.payloads("tapedeck.console")).toContainEqual({
          level: "warn",
          args: ["a warning"],
        });
        expect(edge.payloads("tapedeck.request")[0]).toMatchObject({
          url: `${site.origin}/asked?q=******`,
          status: 404,
          trace: expect.stringMatching(/^[0-9a-f]{32}$/),
        });
        expect(edge.payloads("tapedeck.navigation")).toMatchObject([{ kind: "push" }]);
        const errors = edge.payloads("tapedeck.error").map(({ type, message }) => [type, message]);
        expect(errors.sort()).toEqual([
          ["Error", "rejected"],
          ["RangeError", "thrown"],
        ]);
        expect(
          edge.payloads("tapedeck.error").find(({ type }) => type === "RangeError"),
        ).toMatchObject({
          causes: [{ message: "inner" }],
          frames: [{ function: "broken", file: `${site.origin}/all`, line: expect.any(Number) }],
        });
        const text = JSON.stringify(stored);
        for (const shown of ["changed", "in the shade", "color: red", "SECOND"])
          expect(text).toContain(shown);
        expect(text).not.toContain("Jane");
        await tab.close();
      });

      test("strict policies let it work, with a nonce, without eval, workers and Trusted Types", async () => {
        site.headers = {
          "Content-Security-Policy": `default-src 'none'; script-src 'nonce-n'; connect-src ${edge.origin}; require-trusted-types-for 'script'; trusted-types 'none'`,
        };
        site.options = 'data-mask-text="false" nonce="n"';
        site.pages.set("/strict", "<h1>Strict</h1>");
        const tab = await engine.open();
        await tab.goto(`${site.origin}/strict`);
        await edge.until("an upload", () => beginning("/strict"));
        expect(beginning("/strict")).toEqual([5, 4, 2]);
        await tab.close();
      });
    },
  );
}
