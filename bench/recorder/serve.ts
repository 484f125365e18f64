// Serves pages with one recorder in them, and stands for the server that each recorder sends to.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Peer } from "./peers.ts";

/** What a recorder sent. */
export interface Upload {
  readonly path: string;
  readonly bytes: number;
  readonly body: Buffer;
  readonly arrived_ms: number;
}

export interface Served {
  readonly origin: string;
  readonly uploads: Upload[];
  close(): void;
}

/** Answers for a page's own files, or not at all. */
export type Site = (
  path: string,
  response: ServerResponse,
  head: string,
  request: IncomingMessage,
) => boolean;

/** A site with a recorder. It takes whatever that sends, and answers as its own server would, so that it records. */
export async function serve(peer: Peer, site: Site): Promise<Served> {
  const uploads: Upload[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://bench");
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      response.setHeader("Access-Control-Allow-Headers", "*");
      const file = peer.files.get(pathname.split("/").at(-1) ?? "");
      if (file !== undefined) {
        response.setHeader("Content-Type", "text/javascript");
        response.end(file);
      } else if (!site(pathname, response, peer.head(origin), request)) {
        const body = Buffer.concat(parts);
        if (body.length > 0)
          uploads.push({ path: pathname, bytes: body.length, body, arrived_ms: Date.now() });
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify(answerTo(pathname)));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    uploads,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** One page at `/`. */
export function onePage(body: string): Site {
  return (path, response, head) => {
    if (path !== "/") return false;
    response.setHeader("Content-Type", "text/html");
    response.end(
      `<!doctype html><html><head><title>Bench</title>${head}</head><body>${body}</body></html>`,
    );
    return true;
  };
}

function answerTo(path: string): unknown {
  if (path === "/v1/config")
    return { version: 1, project: "bench", sampling: [{ from_ms: 0, all: 1 }] };
  if (path === "/v1/batches") return { outcome: "stored" };
  if (path.startsWith("/array/"))
    return {
      supportedCompression: ["gzip-js"],
      hasFeatureFlags: false,
      sessionRecording: { endpoint: "/s/", consoleLogRecordingEnabled: true },
    };
  if (path === "/s/") return { status: 1 };
  if (path.endsWith("/v1/web/start"))
    return {
      token: "token",
      userUUID: "user",
      projectID: "1",
      sessionID: "1",
      delay: 0,
      beaconSizeLimit: 1_000_000,
      compressionThreshold: 24_000,
      startTimestamp: Date.now(),
    };
  if (path.endsWith("/v1/web/tags")) return { tags: [] };
  return { id: "0" };
}
