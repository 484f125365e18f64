import { gunzipSync } from "node:zlib";
import { beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project } from "../harness/project.ts";
import { chunksPrefix, gzip, makeBody, makeSession } from "../harness/upload.ts";
import { upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
let project: Project;

beforeAll(async () => {
  project = await makeProject(bucket);
});

/** One of each kind that the edge looks for by its beginning, or by its digits. */
const SECRETS = [
  "4111 1111 1111 1111",
  "DE89370400440532013000",
  "078-05-1120",
  "mary@acme.example",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
  "AKIAIOSFODNN7EXAMPLE",
  `ghp_${"a1B2".repeat(9)}`,
  "?token=hunter2hunter2",
  "\\u0034111111111111111",
];

// The compiled Worker looks at sixteen places together, as nothing else does that is tested: each secret stands at each of them.
test("what is secret is overwritten wherever it stands in the Worker's vectors", async () => {
  const session = makeSession();
  const lines: string[] = [];
  for (const secret of SECRETS)
    for (let before = 0; before < 18; before++)
      lines.push(
        `{"type":3,"timestamp":${session.start_ms + 1},"data":"${"x".repeat(before)} ${secret} ${"y".repeat(9)}"}`,
      );
  const { body } = await upload(stack, project, makeBody(session, gzip(lines.join("\n"))));
  expect(body).toEqual({ outcome: "stored" });
  const [key] = await bucket.keys(chunksPrefix(project.id, session.id));
  const stored = gunzipSync((await bucket.get(key as string)).body)
    .toString()
    .trimEnd();
  const kept = stored.split("\n").filter((line) => !/x* [^ ]*\*{5}/.test(line));
  expect(kept).toEqual([]);
  expect(stored.length).toBe(lines.join("\n").length);
});
