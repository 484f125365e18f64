// The end of a session, without waiting for it: its delayed message, handed to the indexer now.

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Bucket } from "../harness/bucket.ts";
import type { StackHandle } from "../harness/stack.ts";
import { until } from "../harness/until.ts";
import { placeOf } from "../harness/upload.ts";

/** How often the local stack merges a session's chunks, and a second. */
const MERGE_EVERY_MS = 3_000;

interface Told {
  manifest: { pages: { page: string; chunks: { seq: number; hash: string }[] }[] } | null;
  newer: unknown[];
  tape?: { bytes: number };
}

/** Ends a session that is to be kept (one with an error is), and waits until the edge tells of its tape. */
export async function sealTape({ up }: StackHandle, session: string): Promise<void> {
  const look = async (): Promise<Told> => {
    const answer = await fetch(`${up.edge}/v1/projects/${up.project}/sessions/${session}`, {
      headers: { Authorization: `Bearer ${up.viewer_token}` },
    });
    if (!answer.ok) throw new Error(`the session call answers ${answer.status}`);
    return answer.json() as Promise<Told>;
  };
  const { manifest } = await until("a manifest of all chunks", async () => {
    const told = await look();
    return told.newer.length === 0 ? told : undefined;
  });
  const key = `manifests/${placeOf(up.project, session)}.json`;
  // As the message says that a listing brought it: this manifest has all chunks (docs/adr/0016-merged-every-few-minutes.md).
  const listed_ms = (await new Bucket(up).get(key)).head.LastModified?.getTime();
  // Chunks that were left to another look come with it.
  await sleep(MERGE_EVERY_MS);
  const names = (manifest?.pages ?? []).flatMap(({ page, chunks }) =>
    chunks.map(({ seq, hash }) => `${page}-${String(seq).padStart(5, "0")}-${hash}\n`),
  );
  const set = createHash("sha256").update(names.sort().join("")).digest("hex").slice(0, 8);
  const task = { tapedeck: "end", project: up.project, session, set, listed_ms };
  const record = { messageId: "1", eventSource: "aws:sqs", body: JSON.stringify(task) };
  const answer = await fetch(`${up.control}/_local/invoke`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ Records: [record] }),
  });
  if (!answer.ok) throw new Error(`the session's end: ${answer.status} ${await answer.text()}`);
  await until("the tape", async () => (await look()).tape, 60_000);
}
