// Links to watch, and what watching costs in requests.

import type { Page } from "playwright-core";
import type { Up } from "../harness/stack.ts";

/** Requests to the bucket while a page was open. */
export interface Traffic {
  chunks: string[];
  bytes: number;
}

/** Counts what a page fetches from the bucket. Call before opening anything. */
export function countTraffic(page: Page, up: Up): Traffic {
  const traffic: Traffic = { chunks: [], bytes: 0 };
  page.on("response", async (response) => {
    const url = new URL(response.url());
    if (url.origin !== new URL(up.bucket.endpoint).origin || response.request().method() !== "GET")
      return;
    traffic.chunks.push(url.pathname);
    traffic.bytes += Number(response.headers()["content-length"] ?? 0);
  });
  return traffic;
}

/** A link to a session, as the shop's "watch this" makes it. */
export function link(up: Up, session: string, at?: number | "end"): string {
  const query = new URLSearchParams({ token: up.viewer_token });
  if (at !== undefined) query.set("at", String(at));
  return `${up.player}/#/sessions/${up.project}/${session}?${query}`;
}
