import { describe, expect, it } from "vitest";
import type { Entry, Fact } from "./entry.ts";
import { storyMarkdown, storyOf } from "./story.ts";

const START = 1_700_000_000_000;
let next = 0;

function entry(second: number, fact: Fact): Entry {
  return { id: `c:${next++}`, page: "aaaaaaaa", atMs: START + second * 1000, ...fact };
}

const target = { selector: "button.pay", role: "button", text: "Pay now" };
const error = entry(100, {
  kind: "error",
  type: "TypeError",
  message: "pay is <undefined>",
  stack: "TypeError: pay\n    at f (https://shop.example/app.js:1:2)",
  handled: false,
  mechanism: "onerror",
  source: "",
  line: null,
  column: null,
  frames: [],
  causes: [],
  trace: "ab".repeat(16),
}) as Entry & { kind: "error" };
const request = {
  kind: "request",
  method: "POST",
  url: "https://shop.example/api/pay?x=`<b>`",
  initiator: "fetch",
  failure: "",
  durationMs: 12,
  firstByteMs: null,
  bytes: null,
  trace: "",
} as const;
const entries = [
  entry(10, { kind: "click", ...target, effects: ["mutation"], effectMs: 3 }),
  entry(50, { kind: "navigation", from: "", to: "https://shop.example/cart", how: "push" }),
  entry(60, { kind: "input", ...target, text: "", keys: 4 }),
  entry(80, { ...request, status: 200 }),
  entry(90, { kind: "click", ...target, effects: [], effectMs: null }),
  entry(95, { ...request, status: 503 }),
  entry(96, { kind: "console", level: "error", text: "[click](javascript:alert(1)) @everyone" }),
  error,
  entry(101, { kind: "console", level: "log", text: "after" }),
];

describe("what led here", () => {
  const story = storyOf(entries, error);

  it("is the minute before, in steps, failed requests and console lines", () => {
    expect(story.steps.map(({ atMs }) => (atMs - START) / 1000)).toEqual([50, 60, 80, 90, 95]);
    expect(story.requests.map(({ atMs }) => (atMs - START) / 1000)).toEqual([95]);
    expect(story.console.map(({ atMs }) => (atMs - START) / 1000)).toEqual([96]);
  });

  it("is Markdown for a ticket, what was recorded as code", () => {
    const markdown = storyMarkdown(story, {
      link: "https://player.example/#/sessions/demo/x?at=1",
      startMs: START,
      url: "https://shop.example/cart",
      release: "shop@1.4.2",
      browser: null,
    });
    expect(markdown.replace(/- When: .*, 1:40/, "- When: (then), 1:40")).toBe(
      [
        "## ` TypeError: pay is <undefined> `",
        "",
        "- When: (then), 1:40 into the session",
        "- Page: ` https://shop.example/cart `",
        "- Release: ` shop@1.4.2 `",
        `- Trace: \` ${"ab".repeat(16)} \``,
        "- Watch: <https://player.example/#/sessions/demo/x?at=1>",
        "",
        "```",
        "TypeError: pay",
        "    at f (https://shop.example/app.js:1:2)",
        "```",
        "",
        "### What led here",
        "",
        "- −50.0 s: Went to ` shop.example/cart `",
        "- −40.0 s: Pressed 4 keys in ` button button.pay `",
        "- −20.0 s: Request: `` POST https://shop.example/api/pay?x=`<b>` → 200 ``",
        "- −10.0 s: Clicked, and nothing happened: ` “Pay now” `",
        "- −5.0 s: Request failed: `` POST https://shop.example/api/pay?x=`<b>` → 503 ``",
        "",
        "### Failed requests",
        "",
        "- −5.0 s: Request failed: `` POST https://shop.example/api/pay?x=`<b>` → 503 ``",
        "",
        "### Console",
        "",
        "- −4.0 s: console.error: ` [click](javascript:alert(1)) @everyone `",
        "",
      ].join("\n"),
    );
  });
});
