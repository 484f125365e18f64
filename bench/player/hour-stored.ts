// The hour in a running stack's bucket, indexed.

import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import type { Stack } from "../../tests/harness/stack.ts";
import { until } from "../../tests/harness/until.ts";
import { makeBody, makeSession, type Session } from "../../tests/harness/upload.ts";
import { CHUNK_MS, type Chunk, MINUTES, recordHour } from "./hour.ts";

/** The stack's own moments of the recording, and how it lies in the bucket. */
export interface Hour {
  session: Session;
  chunks: Chunk[];
  texts: string[];
}

/** Records the hour and uploads it, and waits until it is indexed. */
export async function storeHour(browser: Browser, stack: Stack): Promise<Hour> {
  const session = makeSession(MINUTES * 60_000 + 5 * 60_000);
  const chunks = await recordHour(browser, session.start_ms);
  const texts = chunks.map(({ lines }) => `${lines.join("\n")}\n`);
  const hour = { session, chunks, texts };
  await upload(stack, hour);
  await indexed(stack, session.id, chunks.length);
  return hour;
}

async function upload(stack: Stack, { session, texts }: Hour): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let seq = next++; seq < texts.length; seq = next++) {
      const sent = session.start_ms + Math.min((seq + 1) * CHUNK_MS, MINUTES * 60_000 - 1);
      const answer = await fetch(`${stack.up.edge}/v1/batches?key=${stack.up.project_key}`, {
        method: "POST",
        headers: { "Content-Type": "text/plain", Origin: new URL(stack.up.demo).origin },
        body: makeBody(session, gzipSync(texts[seq] as string), { seq, sent }),
      });
      const text = await answer.text();
      if (text !== '{"outcome":"stored"}')
        throw new Error(`chunk ${seq}: ${answer.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
}

/** Waits until every chunk is in the session's manifest. */
async function indexed({ up }: Stack, session: string, chunks: number): Promise<void> {
  await until(
    "the whole manifest",
    async () => {
      const answer = await fetch(`${up.edge}/v1/projects/${up.project}/sessions/${session}`, {
        headers: { Authorization: `Bearer ${up.viewer_token}` },
      });
      if (!answer.ok) throw new Error(`the session call answers ${answer.status}`);
      const { manifest, newer } = (await answer.json()) as {
        manifest: { counts: { chunks: number } } | null;
        newer: unknown[];
      };
      return (manifest?.counts.chunks === chunks && newer.length === 0) || undefined;
    },
    180_000,
  );
}
