// One session of its own, through a whole environment: recorded, indexed, played, erased.

import { gunzipSync } from "node:zlib";
import type { Bucket } from "../harness/bucket.ts";
import { makeKey, sha256 } from "../harness/project.ts";
import { until } from "../harness/until.ts";
import { chunkName, gzip, makeBody, makeEvents, makeSession } from "../harness/upload.ts";

/** The project that smoke tests record into. Its token is drawn anew each time and ends after an hour. */
const PROJECT = "tapedeck-smoke";
/** The edge remembers a config for a minute, so a new token may be unknown for that long. */
const CONFIG_MS = 90_000;
/** The longest batching window, and a cold start. */
const INDEX_MS = 6 * 60_000;

/** What was seen of each step, in words. */
export interface Seen {
  recorded: string;
  indexed: string;
  played: string;
  /** Absent where the edge does not know the call. */
  erased?: string;
}

/** Goes through all steps; `say` hears of each when it is done. Fails at the first that does not happen. */
export async function smoke(
  edge: string,
  bucket: Bucket,
  say: (step: string, seen: string) => void = () => {},
): Promise<Seen> {
  const { key, token } = await writeProject(bucket);
  const session = makeSession();
  const events = makeEvents(session, 50);
  const took = timer();

  const stored = await until(
    "the edge to know the project",
    async () => {
      const body = makeBody(session, gzip(events));
      const reply = await fetch(`${edge}/v1/batches?key=${key}`, { method: "POST", body });
      const said = await reply.text();
      if (reply.status !== 200) {
        throw new Error(`${reply.status} ${said}`);
      }
      return JSON.parse(said) as { outcome: string };
    },
    CONFIG_MS,
  );
  if (stored.outcome !== "stored") {
    throw new Error(`the edge answered ${JSON.stringify(stored)}, expected stored`);
  }
  const recorded = `stored ${took()}`;
  say("recorded", recorded);

  const url = `${edge}/v1/projects/${PROJECT}/sessions/${session.id}`;
  const headers = { authorization: `Bearer ${token}` };
  const shown = await until(
    "the manifest",
    async () => {
      const reply = await fetch(url, { headers });
      if (reply.status !== 200) {
        throw new Error(`${reply.status} ${await reply.text()}`);
      }
      const session = (await reply.json()) as {
        manifest: { pages: unknown[] } | null;
        urls: Record<string, string>;
      };
      return session.manifest === null ? undefined : session;
    },
    INDEX_MS,
  );
  const indexed = `in the manifest ${took()}`;
  say("indexed", indexed);

  const name = chunkName(session, events);
  const signed = shown.urls[name];
  if (signed === undefined) {
    throw new Error(`the edge signed no URL for ${name}`);
  }
  const chunk = await fetch(signed);
  const played = gunzipSync(Buffer.from(await chunk.arrayBuffer())).toString();
  if (played !== events) {
    throw new Error(`the chunk is not what was recorded: ${played.length} characters`);
  }
  const seen: Seen = { recorded, indexed, played: `the same events ${took()}` };
  say("played", seen.played);

  const erased = await erase(edge, url, headers);
  if (erased !== undefined) {
    seen.erased = `${erased} ${took()}`;
    say("erased", seen.erased);
  }
  return seen;
}

/** Asks for the session's erasure and waits for its first pass; the second comes 20 minutes later by itself. */
async function erase(
  edge: string,
  url: string,
  headers: Record<string, string>,
): Promise<string | undefined> {
  const asked = await fetch(url, { method: "DELETE", headers });
  if (asked.status === 405) {
    return undefined;
  }
  if (asked.status !== 202) {
    throw new Error(`erasing: ${asked.status} ${await asked.text()}`);
  }
  const { state_url } = (await asked.json()) as { state_url: string };
  const state = await until(
    "the erasure",
    async () => {
      const reply = await fetch(new URL(state_url, edge), { headers });
      const { state } = (await reply.json()) as { state: string };
      if (state === "failed") {
        throw new Error("the erasure has failed");
      }
      return state === "waiting" || state === "done" ? state : undefined;
    },
    INDEX_MS,
  );
  const gone = await fetch(url, { headers });
  if (gone.status !== 404) {
    throw new Error(`the session was erased and still answers ${gone.status}`);
  }
  return `nothing is left, state ${state}`;
}

async function writeProject(bucket: Bucket): Promise<{ key: string; token: string }> {
  const key = makeKey();
  const token = `vt_${makeKey()}${makeKey()}`;
  const hour_ms = 60 * 60_000;
  const config = {
    version: 1,
    revision: Math.floor(Date.now() / 1000),
    project: PROJECT,
    keys: [key],
    origins: ["*"],
    sampling: [{ from_ms: 0, all: 1 }],
    bots: "keep",
    viewers: [
      {
        name: "smoke test",
        sha256: sha256(token),
        role: "admin",
        expires_ms: Date.now() + hour_ms,
      },
    ],
  };
  await bucket.put(`config/projects/${PROJECT}.json`, JSON.stringify(config));
  await bucket.put(`config/keys/${key}.json`, JSON.stringify({ version: 1, project: PROJECT }));
  return { key, token };
}

/** Says how long ago it was made. */
function timer(): () => string {
  const begun = Date.now();
  return () => `after ${((Date.now() - begun) / 1000).toFixed(1)} s`;
}
