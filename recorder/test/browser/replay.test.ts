import { fileURLToPath } from "node:url";
import type { Replayer } from "@rrweb/replay";
import { build } from "esbuild";
import type { ElementHandle } from "playwright-core";
import { expect, test } from "vitest";
import { context, edge, flush, open, recording, site } from "./setup.js";

/** What a page shows, as text: tags, attributes, text and fields, through shadow roots and frames. Runs in the page. */
function picture(root: Element | null): string {
  const lines: string[] = [];
  const visit = (node: Node, depth: number): void => {
    const indent = " ".repeat(depth);
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.nodeValue?.trim()) lines.push(indent + node.nodeValue.trim());
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    const element = node as HTMLInputElement;
    if (/^(?:script|style|noscript)$/.test(element.localName)) return;
    // The player marks what the pointer is over, and keeps browsers from filling in fields.
    const attributes = Array.from(
      element.attributes,
      ({ name, value }) => `${name}=${value.replace(/ ?:hover/, "")}`,
    ).filter((one) => one !== "class=" && one !== "autocomplete=off");
    const { value, checked = false, type } = element;
    const field = /^(?:input|textarea|select)$/.test(element.localName)
      ? ` value:${type === "checkbox" ? "" : value} checked:${checked}`
      : "";
    const shown = attributes.filter(
      (one) => !/^(?:rr_|value=|checked=|src=|srcdoc=|data-rr)/.test(one),
    );
    lines.push(`${indent}<${element.localName} ${shown.sort().join(" ")}>${field}`);
    for (const child of element.shadowRoot?.childNodes ?? []) visit(child, depth + 2);
    for (const child of element.childNodes) visit(child, depth + 1);
    if (element.localName === "iframe") {
      const inner = (element as unknown as HTMLIFrameElement).contentDocument?.body;
      if (inner) visit(inner, depth + 1);
    }
  };
  if (root !== null) visit(root, 0);
  return lines.join("\n");
}

type Main = ElementHandle<HTMLElement> | null;

test("what is recorded plays as what was there", async () => {
  const replay = await build({
    stdin: {
      contents: 'export { Replayer } from "@rrweb/replay"',
      resolveDir: fileURLToPath(new URL(".", import.meta.url)),
    },
    bundle: true,
    format: "iife",
    globalName: "Replay",
    write: false,
  });
  site.pages.set(
    "/play",
    `<main class="a b" title="t" style="color: red"><h1>Heading</h1><svg viewBox="0 0 9 9"><path d="M1 1z"></path></svg>
     <ul id="list"></ul><label>Agree <input type="checkbox" id="agree"></label>
     <input id="shown" data-record-safe><select data-record-safe><option>one</option><option>two</option></select>
     <div id="host"></div><iframe srcdoc="<p>in a frame</p>"></iframe><table><tbody id="rows"></tbody></table></main>`,
  );
  const page = await open("/play");
  await recording(page);
  await page.locator("#shown").pressSequentially("typed");
  await page.check("#agree");
  await page.evaluate(() => {
    const at = (id: string) => document.getElementById(id) as HTMLElement;
    at("host").attachShadow({ mode: "open" }).innerHTML = "<p>in the <b>shade</b></p>";
    for (let i = 0; i < 50; i++) {
      const item = document.createElement("li");
      item.textContent = `item ${i}`;
      item.dataset.index = `${i}`;
      at("list").prepend(item);
    }
    for (const item of [...at("list").children].filter((_, i) => i % 3 === 0)) item.remove();
    at("list").append(...[...at("list").children].reverse());
    at("rows").innerHTML = "<tr><td>1</td><td>2</td></tr>".repeat(20);
    at("host").setAttribute("aria-label", "changed");
    at("host").style.width = "50px";
    (at("list").firstElementChild?.firstChild as Text).data = "first";
    at("host").shadowRoot?.querySelector("b")?.append(" deeper");
    document.querySelector("iframe")?.contentDocument?.body.append("later in the frame");
  });
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
  await flush(page);
  const there = await page.evaluate(picture, (await page.$("main")) as Main);
  const player = await context.newPage();
  await player.setContent("<div id=root></div>");
  await player.addScriptTag({ content: replay.outputFiles[0]?.text ?? "" });
  await player.evaluate(
    (events) => {
      type Module = { Replay: { Replayer: typeof Replayer } };
      const { Replayer: Player } = (globalThis as unknown as Module).Replay;
      const root = document.getElementById("root") as HTMLElement;
      const replayer = new Player(events as never, {
        root,
        mouseTail: false,
      });
      replayer.pause(replayer.getMetaData().totalTime);
    },
    // The last event of all is what the player stops before.
    [...edge.stored, { type: 5, timestamp: Date.now() + 1_000, data: { tag: "end", payload: {} } }],
  );
  const frame = await (await player.$("iframe"))?.contentFrame();
  const played = await frame?.evaluate(picture, (await frame.$("main")) as Main);
  expect(there).toContain("later in the frame");
  expect(played).toBe(there);
});
