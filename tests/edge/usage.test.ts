// A project's budget fills by what it uploads, by way of bucket, queue and indexer, and its reserve holds (spec/upload.md, spec/usage.md).

import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project } from "../harness/project.ts";
import { until } from "../harness/until.ts";
import { makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);

/** The edge's word on usage is up to a minute old. */
const STALE_MS = 60_000;

/** An upload that may be made again and again: another time it is a duplicate. */
function makeUpload(reason: string) {
  const session = makeSession();
  const gzip = gzipSync(makeEvents(session, 40));
  const body = makeBody(session, gzip, { reason });
  const send = async (project: Project): Promise<string> => {
    const answer = await upload(stack, project, body);
    return answer.body.reason ?? answer.body.outcome ?? answer.body.error;
  };
  return { bytes: gzip.length, send };
}

test("a budget fills, and its reserve after it", { timeout: 4 * STALE_MS }, async () => {
  const [all, error, second] = [makeUpload("all"), makeUpload("error"), makeUpload("error")];
  // The first upload takes what is free and leaves some of the reserve, the second one takes that.
  const bytes_per_day = Math.ceil(all.bytes * 1.2);
  const project = await makeProject(bucket, { budget: { bytes_per_day, reserve: 0.2 } });
  const day = new Date().toISOString().slice(0, 10);
  const counted = async (bytes: number) =>
    until(`${bytes} bytes counted`, async () => {
      const found = await bucket.get(`usage/${project.id}/${day}.json`);
      const usage = JSON.parse(Buffer.from(found.body).toString());
      return usage.bytes === bytes ? usage : undefined;
    });
  const isOver = (what: string, { send }: typeof all) =>
    until(
      `${what} over budget`,
      async () => {
        const outcome = await send(project);
        if (outcome === "over_budget") return true;
        expect(outcome).toBe("duplicate");
        await sleep(2_000);
        return undefined;
      },
      STALE_MS + 20_000,
    );

  expect(await all.send(project)).toBe("stored");
  expect(await counted(all.bytes)).toMatchObject({ chunks: 1 });
  await isOver("a session of all", all);
  expect(await error.send(project)).toBe("stored");
  await counted(all.bytes + error.bytes);
  await isOver("an error's session", error);
  expect(await second.send(project)).toBe("over_budget");
  expect(await counted(all.bytes + error.bytes)).toMatchObject({ chunks: 2 });
});
