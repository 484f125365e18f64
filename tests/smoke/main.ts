// `cargo xtask smoke`: one session through a running environment.
//
//   node tests/smoke/main.ts --up .tapedeck/up.json
//   node tests/smoke/main.ts --edge https://replay.example.com --bucket NAME --region eu-central-1
//
// The second form signs in as the AWS CLI does.

import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { Bucket } from "../harness/bucket.ts";
import type { Up } from "../harness/stack.ts";
import { smoke } from "./smoke.ts";

const { values } = parseArgs({
  options: {
    up: { type: "string" },
    edge: { type: "string" },
    bucket: { type: "string" },
    region: { type: "string" },
  },
});

/** Where the edge and the bucket are. */
async function target(): Promise<Pick<Up, "edge" | "bucket">> {
  if (values.up !== undefined) {
    return JSON.parse(await readFile(values.up, "utf8"));
  }
  const { edge, bucket, region } = values;
  if (edge === undefined || bucket === undefined || region === undefined) {
    throw new Error("expected --up FILE, or --edge, --bucket and --region");
  }
  const aws = process.env.TAPEDECK_AWS ?? "aws";
  const exported = execFileSync(aws, ["configure", "export-credentials", "--format", "process"]);
  const key = JSON.parse(exported.toString());
  return {
    edge,
    bucket: {
      endpoint: `https://s3.${region}.amazonaws.com`,
      name: bucket,
      region,
      access_key_id: key.AccessKeyId,
      secret_access_key: key.SecretAccessKey,
      session_token: key.SessionToken,
    },
  };
}

const found = await target();
const seen = await smoke(found.edge, new Bucket(found), (step, text) =>
  console.log(`  ${step.padEnd(10)} ${text}`),
);
if (seen.erased === undefined) {
  throw new Error("the edge does not know how to erase: it is older than this program");
}
