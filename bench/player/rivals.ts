// How others load a recording before they can show a moment of it: their rules, applied to our chunks and shown by rrweb's replayer.

import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

/** Requests, one after the other, of which each loads these chunks (from, to exclusive) as one body. */
export type Loading = { from: number; to: number }[];

/** rrweb's replayer has no loading of its own: whoever uses it gives it all events. One request is the best case. */
export function everything(chunks: number): Loading {
  return [{ from: 0, to: chunks }];
}

/**
 * OpenReplay keeps a session as two files, of which the first is short, and loads them in turn; its messages have no checkpoints, so that a moment can be
 * shown once everything before it was read, and a file is read when it is there whole.
 * https://github.com/openreplay/openreplay/blob/006f2051f1780286e0ff4737b600293a553d95c7/frontend/app/player/web/MessageLoader.ts (`loadMobs`)
 * https://github.com/openreplay/openreplay/blob/0ae22140e6f398cc0ef13458307df6791b033370/frontend/app/player/web/network/loadFiles.ts (`loadFiles`, `loadFile`)
 */
export function openReplay(chunks: number, firstFile: number): Loading {
  return [
    { from: 0, to: firstFile },
    { from: firstFile, to: chunks },
  ];
}

/**
 * PostHog lists a recording's blocks, and then loads ten at a time of the window from three before to seven behind the one with the moment; if no full
 * snapshot is among them, ten at a time going back. A block is what one session sent within a flush of its ingestion, ten seconds.
 * https://github.com/PostHog/posthog/blob/3fde61a9b339fe446857fb3d849084e150e0e38d/frontend/src/scenes/session-recordings/player/snapshot-store/planNextBatch.ts (`planSeekBatch`)
 * https://github.com/PostHog/posthog/blob/004ffdf612d13ac2b7fd2544642288de456838b0/frontend/src/scenes/session-recordings/player/snapshotDataLogic.tsx (`loadSnapshotsForSource`)
 */
export function postHog(
  chunks: number,
  target: number,
  hasCheckpoint: (chunk: number) => boolean,
): Loading {
  const [batch, behind, ahead] = [10, 3, 7];
  const windowFrom = Math.max(0, target - behind);
  const windowTo = Math.min(chunks, target + ahead + 1);
  const loading: Loading = [];
  let loadedFrom = windowFrom;
  const shows = (to: number) => {
    for (let n = target; n >= loadedFrom; n--) if (hasCheckpoint(n)) return to > target;
    return false;
  };
  for (let from = windowFrom; from < windowTo; from += batch) {
    const to = Math.min(from + batch, windowTo);
    loading.push({ from, to });
    if (shows(to)) return loading;
  }
  while (loadedFrom > 0) {
    const to = loadedFrom;
    loadedFrom = Math.max(0, to - batch);
    loading.push({ from: loadedFrom, to });
    if (shows(windowTo)) return loading;
  }
  return loading;
}

export interface Host {
  origin: string;
  /** Makes what a loading fetches ready; afterwards `show.html?rule={name}&at={ms}` does it. Answers the bytes of the bodies. */
  offer(name: string, loading: Loading, bodies: readonly string[]): number;
  close(): void;
}

/** Serves pages that load by such a rule and show a moment, and one with rrweb-player in it. */
export async function startHost(): Promise<Host> {
  const require = createRequire(import.meta.url);
  const replayer = require.resolve("@rrweb/replay").replace(/[^/]+$/, "");
  const player = require.resolve("rrweb-player").replace(/[^/]+$/, "");
  // As a host serves what does not change: compressed once, as well as it goes.
  const packed = (text: string | Buffer) => gzipSync(text, { level: 9 });
  const files = new Map<string, { body: Buffer; type: string }>([
    [
      "/replay.js",
      { body: packed(readFileSync(`${replayer}replay.umd.min.cjs`)), type: "text/javascript" },
    ],
    ["/replay.css", { body: packed(readFileSync(`${replayer}style.min.css`)), type: "text/css" }],
    [
      "/player.js",
      { body: packed(readFileSync(`${player}rrweb-player.umd.min.cjs`)), type: "text/javascript" },
    ],
    ["/player.css", { body: packed(readFileSync(`${player}style.min.css`)), type: "text/css" }],
    ["/show.html", { body: packed(SHOW), type: "text/html" }],
    ["/player.html", { body: packed(PLAYER), type: "text/html" }],
  ]);
  const server = createServer((request, response: ServerResponse) => {
    const file = files.get(new URL(request.url ?? "", "http://host").pathname);
    if (file === undefined) return void response.writeHead(404).end();
    response.writeHead(200, {
      "Content-Type": file.type,
      "Content-Encoding": "gzip",
      "Content-Length": file.body.length,
    });
    response.end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    offer(name, loading, texts) {
      const bodies = loading.map(({ from, to }) => gzipSync(texts.slice(from, to).join("")));
      bodies.forEach((body, n) => {
        files.set(`/${name}/${n}`, { body, type: "text/plain" });
      });
      files.set(`/${name}/list`, { body: gzipSync(String(bodies.length)), type: "text/plain" });
      return bodies.reduce((sum, body) => sum + body.length, 0);
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const LOAD = `
async function load(rule) {
  const events = [];
  const parts = Number(await (await fetch(rule + "/list")).text());
  for (let n = 0; n < parts; n++) {
    const text = await (await fetch(rule + "/" + n)).text();
    for (const line of text.split("\\n")) if (line !== "") events.push(JSON.parse(line));
  }
  return events.sort((a, b) => a.timestamp - b.timestamp);
}
const asked = new URL(location.href).searchParams;`;

const SHOW = `<!doctype html><html><head><link rel="stylesheet" href="replay.css"></head><body><div id="root"></div>
<script src="replay.js"></script><script>${LOAD}
load(asked.get("rule")).then((events) => {
  const Replayer = rrwebReplay.Replayer ?? rrwebReplay;
  const replayer = new Replayer(events, { root: document.querySelector("#root"), showWarning: false });
  replayer.pause(Number(asked.get("at")) - events[0].timestamp + 0.5);
});
</script></body></html>`;

const PLAYER = `<!doctype html><html><head><link rel="stylesheet" href="player.css"></head><body><div id="root"></div>
<script src="player.js"></script><script>${LOAD}
const speed = Number(asked.get("speed"));
load(asked.get("rule")).then((events) => {
  const Player = rrwebPlayer.default ?? rrwebPlayer.Player ?? rrwebPlayer;
  globalThis.player = new Player({ target: document.querySelector("#root"), props: { events, speed, speedOption: [speed], skipInactive: false, autoPlay: true, width: 1024, height: 640 } });
  globalThis.player.addEventListener("finish", () => { globalThis.finished = true; });
});
</script></body></html>`;
