/** A made-up session that tells much beside the picture: every custom event of spec/events.md, at known seconds. */

import type { eventWithTime } from "@rrweb/types";
import {
  checkpoint,
  clockText,
  manifestOf,
  type Recording,
  sessionIdAt,
  storedChunk,
} from "./recording.ts";

const PAGE = "tttttttt";
const CHUNK_SECONDS = 10;
export const TRACE = "0af7651916cd43dd8448eb211c80319c";

/** Second and payload of each event; the names are of tags without `tapedeck.`. */
const TOLD: [second: number, tag: string, payload: object][] = [
  [
    0,
    "session",
    {
      tab: "tab00001",
      url: "https://shop.example/cart",
      title: "Cart",
      release: "shop@1.4.2",
      environment: "demo",
      browser: {
        user_agent:
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36",
        viewport: [960, 540],
        languages: ["de-DE", "en"],
        time_zone: "Europe/Berlin",
        color_scheme: "dark",
      },
    },
  ],
  [2, "identify", { user: "u_17", traits: { plan: "pro" } }],
  [5, "console", { level: "log", args: ["cart ready", { items: 2 }] }],
  [
    12,
    "request",
    {
      method: "GET",
      url: "https://shop.example/api/cart",
      initiator: "fetch",
      status: 200,
      duration_ms: 180,
      first_byte_ms: 120,
      bytes: 5210,
      trace: TRACE,
    },
  ],
  [20, "navigation", { from: "/cart", to: "https://shop.example/checkout", kind: "push" }],
  [31, "click", { selector: "button#pay", role: "button", text: "Pay now", effects: [] }],
  [40, "input", { selector: "input#name", role: "textbox", keys: 8 }],
  [
    55,
    "click",
    {
      selector: "button#pay",
      role: "button",
      text: "Pay now",
      effects: ["request"],
      effect_ms: 20,
    },
  ],
  [
    56,
    "request",
    {
      method: "POST",
      url: "https://shop.example/api/pay",
      initiator: "fetch",
      status: 503,
      duration_ms: 900,
      first_byte_ms: 880,
      bytes: 120,
      trace: TRACE,
    },
  ],
  [57, "console", { level: "error", args: ["payment failed", "<b>503</b>"] }],
  [
    58,
    "error",
    {
      type: "TypeError",
      message: "receipt is undefined",
      stack:
        "TypeError: receipt is undefined\n    at showReceipt (https://shop.example/assets/app.js:120:17)\n    at async pay (https://shop.example/assets/app.js:98:3)",
      handled: false,
      mechanism: "unhandledrejection",
      causes: [{ type: "HttpError", message: "503", stack: "" }],
    },
  ],
  [80, "browser", { color_scheme: "light" }],
  [90, "custom", { name: "coupon.applied", properties: { code: "SPRING", percent: 10 } }],
  [95, "console", { level: "warn", args: ["slow frame"] }],
  [100, "longtask", { started_ms: 0, duration_ms: 340 }],
  [
    170,
    "vital",
    { name: "LCP", value: 1830, rating: "good", attribution: { element: "img.hero" } },
  ],
  [170, "vital", { name: "INP", value: 640, rating: "poor", attribution: {} }],
  [170, "vital", { name: "CLS", value: 0.14, rating: "needs-improvement", attribution: {} }],
];
/** Presses of rrweb's: second and place. The one at 31 is dead, those from 120 are rage. */
const PRESSED: [second: number, x: number, y: number][] = [
  [31, 300, 200],
  [55, 300, 200],
  [120, 500, 300],
  [120.3, 502, 300],
  [120.6, 501, 301],
];

/** Three minutes. `lines` more console lines come in the last minute. */
export function telling(startMs: number, lines = 0): Recording {
  const at = (second: number) => startMs + Math.round(second * 1000);
  const events: eventWithTime[] = [];
  for (let second = 0; second < 180; second++) {
    if (second % 60 === 0) events.push(...(checkpoint(at(second) + 1, second) as eventWithTime[]));
    const texts = [{ id: 8, value: clockText(second) }];
    const data = { source: 0, texts, attributes: [], removes: [], adds: [] };
    if (second % 60 !== 0) events.push({ type: 3, timestamp: at(second), data } as eventWithTime);
  }
  for (const [second, tag, payload] of TOLD) {
    // What takes time is recorded when it is over.
    const began = { click: { at_ms: at(second) }, request: { started_ms: at(second) } }[tag];
    const late =
      tag === "request"
        ? (payload as { duration_ms: number }).duration_ms
        : tag === "click"
          ? 1_500
          : 0;
    const data = { tag: `tapedeck.${tag}`, payload: { ...payload, ...began } };
    events.push({ type: 5, timestamp: at(second) + late, data });
  }
  for (const [second, x, y] of PRESSED)
    events.push({ type: 3, timestamp: at(second), data: { source: 2, type: 2, id: 9, x, y } });
  for (let line = 0; line < lines; line++) {
    const payload = { level: "debug", args: [`line ${line}`] };
    events.push({
      type: 5,
      timestamp: at(120 + (line * 59) / lines),
      data: { tag: "tapedeck.console", payload },
    });
  }
  events.sort((a, b) => a.timestamp - b.timestamp);
  const chunks = Array.from({ length: 180 / CHUNK_SECONDS }, (_, seq) => {
    const [fromMs, toMs] = [at(seq * CHUNK_SECONDS), at((seq + 1) * CHUNK_SECONDS)];
    const part = events.filter(({ timestamp }) => timestamp >= fromMs && timestamp < toMs);
    return storedChunk(PAGE, seq, part);
  });
  const session = sessionIdAt(startMs);
  return {
    project: "demo",
    session,
    chunks,
    manifest: manifestOf("demo", session, chunks),
    probes: [],
  };
}
