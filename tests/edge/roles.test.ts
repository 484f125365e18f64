import { beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import type { Project } from "../harness/project.ts";
import { readShareKey, seal } from "../harness/secrets.ts";
import { makeTeam, type Tokens } from "../harness/team.ts";
import { makeBody, makeEvents, makeSession, type Session } from "../harness/upload.ts";
import { ask, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
const share_key = await readShareKey(stack);

interface Side {
  project: Project;
  session: Session;
  /** What goes into `Authorization`, by who asks. */
  shown: Record<keyof Tokens | "grant", string>;
}

let one: Side;
let two: Side;

async function makeSide(): Promise<Side> {
  const { project, tokens } = await makeTeam(bucket, { user_hash_key: "0b".repeat(32) });
  const session = makeSession();
  const { body } = await upload(stack, project, makeBody(session, makeEvents(session)));
  expect(body).toEqual({ outcome: "stored" });
  const payload = { p: project.id, s: session.id, e: Date.now() + 60_000, n: 0 };
  return {
    project,
    session,
    shown: {
      viewer: `Bearer ${tokens.viewer}`,
      support: `Bearer ${tokens.support}`,
      admin: `Bearer ${tokens.admin}`,
      grant: `Grant ${seal(share_key, "grant", payload)}`,
    },
  };
}

beforeAll(async () => {
  [one, two] = [await makeSide(), await makeSide()];
});

const NO_ID = "1700000000000-00112233445566ff";

/** Every call, the path behind the project, its body, and what who may make it gets: the table of spec/viewer-api.md. */
const CALLS: [string, (session: string) => string, string | undefined, number, string][] = [
  ["GET", (s) => `sessions/${s}`, undefined, 200, "viewer support admin grant"],
  ["POST", (s) => `sessions/${s}/urls`, '{"chunks":[]}', 200, "viewer support admin grant"],
  ["GET", () => "index?from=2026-01-01&to=2026-01-02", undefined, 200, "viewer support admin"],
  ["POST", (s) => `sessions/${s}/shares`, "{}", 200, "support admin"],
  ["POST", () => "tickets", "{}", 200, "support admin"],
  ["POST", (s) => `sessions/${s}/pin`, undefined, 202, "support admin"],
  ["DELETE", (s) => `sessions/${s}/pin`, undefined, 202, "support admin"],
  ["DELETE", (s) => `sessions/${s}`, undefined, 202, "admin"],
  ["POST", () => "erasures", '{"user":"u_17"}', 202, "admin"],
  ["GET", () => `erasures/${NO_ID}`, undefined, 404, "admin"],
];

test.for(CALLS)("%s %s", async ([method, path, body, expected, may]) => {
  const call = async (of: Side, session: Session, authorization: string) => {
    const { status } = await ask(stack, `/v1/projects/${of.project.id}/${path(session.id)}`, {
      method,
      body: body ?? null,
      headers: { authorization },
    });
    return status;
  };
  for (const who of ["viewer", "support", "admin", "grant"] as const) {
    const status = await call(one, one.session, one.shown[who]);
    expect(status, who).toBe(may.split(" ").includes(who) ? expected : 403);
    // Nobody of one project is anybody in the other.
    expect(await call(one, one.session, two.shown[who]), `${who} of another project`).toBe(401);
    expect(await call(two, two.session, one.shown[who]), `${who} in another project`).toBe(401);
  }
  // A grant is for its session and no other.
  if (path("x") !== path("y")) {
    expect(await call(one, makeSession(), one.shown.grant)).toBe(403);
  }
});

test("who asks and what for is recorded before the answer", async () => {
  const { project, tokens } = await makeTeam(bucket, { user_hash_key: "0b".repeat(32) });
  const session = makeSession();
  await upload(stack, project, makeBody(session, makeEvents(session)));
  const records = async () => {
    const keys = await bucket.keys(`audit/${project.id}/`);
    return Promise.all(
      keys.map(async (key) => JSON.parse((await bucket.get(key)).body.toString())),
    );
  };
  const call = async (method: string, path: string, token: string, body?: string) => {
    const before = (await records()).length;
    const answer = await ask(stack, `/v1/projects/${project.id}/${path}`, {
      method,
      body: body ?? null,
      headers: { authorization: `Bearer ${token}` },
    });
    const after = await records();
    return { status: answer.status, added: after.slice(before) };
  };
  for (const [method, path, , , may] of CALLS) {
    const role = may.split(" ").includes("viewer") ? "viewer" : "admin";
    const body = path("x").endsWith("urls")
      ? '{"chunks":[]}'
      : path("x") === "erasures"
        ? '{"user":"u_17"}'
        : undefined;
    const { status, added } = await call(method, path(session.id), tokens[role], body);
    if (status === 404) {
      expect(added).toEqual([]);
      continue;
    }
    expect(added, path(session.id)).toEqual([
      {
        version: 1,
        at_ms: expect.any(Number),
        project: project.id,
        who: `the ${role}`,
        how: "token",
        role,
        call: expect.any(String),
        country: expect.stringMatching(/^[A-Z]{2}$/),
        ...(path("x") === path("y") ? {} : { session: session.id }),
      },
    ]);
  }
  // What is refused hands out nothing.
  expect((await call("GET", "sessions/x", tokens.viewer)).added).toEqual([]);
  expect((await call("DELETE", `sessions/${session.id}`, tokens.viewer)).added).toEqual([]);
  expect((await call("GET", `sessions/${makeSession().id}`, tokens.viewer)).added).toEqual([]);
  const keys = await bucket.keys(`audit/${project.id}/`);
  for (const key of keys) {
    expect(key).toMatch(/^audit\/t-[0-9a-f]+\/\d{4}-\d\d-\d\d\/\d{13}-[0-9a-f]{16}\.json$/);
  }
  expect(new Set((await records()).map(({ call }) => call)).size).toBe(CALLS.length - 1);
});
