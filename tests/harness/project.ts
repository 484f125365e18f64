import { createHash, randomBytes } from "node:crypto";
import type { Bucket } from "./bucket.ts";

/** A project that exists in the bucket. */
export interface Project {
  id: string;
  key: string;
  /** Of a viewer whose token does not expire. */
  token: string;
}

/** Makes a project of its own for a test, with what differs from a config that allows `http://localhost:*` and keeps everything. */
export async function makeProject(bucket: Bucket, changes: object = {}): Promise<Project> {
  const project = {
    id: `t-${randomBytes(6).toString("hex")}`,
    key: makeKey(),
    token: `vt_${randomBytes(16).toString("hex")}`,
  };
  const config = {
    version: 1,
    revision: 1,
    project: project.id,
    keys: [project.key],
    origins: ["http://localhost:*", "http://127.0.0.1:*"],
    sampling: [{ from_ms: 0, all: 1 }],
    // Tests come by driven browsers.
    bots: "keep",
    viewers: [{ name: "test", sha256: sha256(project.token), role: "viewer" }],
    ...changes,
  };
  await bucket.put(`config/projects/${project.id}.json`, JSON.stringify(config));
  const named = JSON.stringify({ version: 1, project: project.id });
  await bucket.put(`config/keys/${project.key}.json`, named);
  return project;
}

/** A project key that nobody has. */
export function makeKey(): string {
  return `pk_${randomBytes(11).toString("hex")}`;
}

/** As configs hold a token. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
