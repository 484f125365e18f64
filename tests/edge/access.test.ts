import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project } from "../harness/project.ts";
import { until } from "../harness/until.ts";
import { makeBody, makeEvents, makeSession, type Session } from "../harness/upload.ts";
import { ask, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
const AUDIENCE = "97e2aae120121f902df8bc99fc345913ab186d174f3079ea729236766b2e7c4a";

interface Key {
  kid: string;
  private: KeyObject;
  public: KeyObject;
}

function makeKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid: randomUUID(), private: privateKey, public: publicKey };
}

const open: (() => void)[] = [];
afterAll(() => {
  for (const close of open) close();
});

/** A team's site, as far as an edge looks at it: the keys that it publishes now. */
async function makeTeam() {
  const team = {
    url: "",
    keys: [makeKey()],
    reads: 0,
    answer: undefined as undefined | ((response: ServerResponse) => void),
  };
  const server = createServer((request, response) => {
    if (request.url !== "/cdn-cgi/access/certs") {
      response.writeHead(404).end();
      return;
    }
    team.reads += 1;
    if (team.answer) {
      team.answer(response);
      return;
    }
    const keys = team.keys.map(({ kid, public: key }) => ({
      ...key.export({ format: "jwk" }),
      kid,
      alg: "RS256",
      use: "sig",
    }));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => server.closeAllConnections());
  open.push(() => server.close());
  team.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return team;
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");

function claims(team: string, changes: object = {}) {
  const now_s = Math.floor(Date.now() / 1_000);
  return {
    aud: [AUDIENCE],
    email: "mary@acme.example",
    exp: now_s + 60,
    iat: now_s,
    nbf: now_s,
    iss: team,
    type: "app",
    sub: randomUUID(),
    custom: { groups: ["engineering"] },
    ...changes,
  };
}

function assertion(key: Key, payload: object, header: object = {}): string {
  const text = `${encode({ alg: "RS256", kid: key.kid, typ: "JWT", ...header })}.${encode(payload)}`;
  return `${text}.${sign("sha256", Buffer.from(text), key.private).toString("base64url")}`;
}

async function setUp() {
  const team = await makeTeam();
  const access = {
    team: team.url,
    audience: AUDIENCE,
    groups: { engineering: "admin", everybody: "viewer" },
  };
  const project = await makeProject(bucket, { access });
  const session = makeSession();
  await upload(stack, project, makeBody(session, makeEvents(session)));
  return { team, project, session };
}

const ask_as = (project: Project, session: Session, jwt: string, method = "GET") =>
  ask(stack, `/v1/projects/${project.id}/sessions/${session.id}`, {
    method,
    headers: { "cf-access-jwt-assertion": jwt },
  });

test("an assertion of the team opens what its groups may, and is recorded", async () => {
  const { team, project, session } = await setUp();
  const [key] = team.keys as [Key];
  const admin = assertion(key, claims(team.url));
  const viewer = assertion(key, claims(team.url, { custom: {}, groups: ["everybody", "others"] }));
  expect((await ask_as(project, session, viewer)).status).toBe(200);
  expect((await ask_as(project, session, viewer, "DELETE")).status).toBe(403);
  expect((await ask_as(project, session, admin, "DELETE")).status).toBe(202);
  // The keys are read once.
  expect(team.reads).toBe(1);
  const keys = await bucket.keys(`audit/${project.id}/`);
  const records = await Promise.all(
    keys.map(async (key) => JSON.parse((await bucket.get(key)).body.toString())),
  );
  expect(records).toMatchObject([
    { who: "mary@acme.example", how: "access", role: "viewer", call: "session" },
    { who: "mary@acme.example", how: "access", role: "admin", call: "erase_session" },
  ]);
  const [request] = await bucket.keys(`requests/${project.id}/`);
  expect(JSON.parse((await bucket.get(request as string)).body.toString()).by).toBe(
    "mary@acme.example",
  );
});

test("any other assertion opens nothing", async () => {
  const { team, project, session } = await setUp();
  const [key] = team.keys as [Key];
  const good = claims(team.url);
  expect((await ask_as(project, session, assertion(key, good))).status).toBe(200);
  const now_s = Math.floor(Date.now() / 1_000);
  const [head, body, tag] = assertion(key, good).split(".") as [string, string, string];
  // What a verifier does that takes the algorithm from the token, and the key for a secret.
  const confused = (secret: string | Buffer) => {
    const text = `${encode({ alg: "HS256", kid: key.kid, typ: "JWT" })}.${encode(good)}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  };
  const { exp: _, ...endless } = good;
  const wrong: Record<string, string> = {
    "another audience": assertion(key, claims(team.url, { aud: ["other"] })),
    "no audience": assertion(key, claims(team.url, { aud: undefined })),
    "another team": assertion(key, claims("https://other.cloudflareaccess.com")),
    expired: assertion(key, claims(team.url, { exp: now_s - 1 })),
    "not yet valid": assertion(key, claims(team.url, { nbf: now_s + 60 })),
    endless: assertion(key, endless),
    "no group that may": assertion(key, claims(team.url, { custom: { groups: ["sales"] } })),
    "no group": assertion(key, claims(team.url, { custom: undefined })),
    "a key of somebody's own": assertion({ ...makeKey(), kid: key.kid }, good),
    "algorithm none": `${encode({ alg: "none", typ: "JWT" })}.${body}.`,
    "algorithm none, signed": `${encode({ alg: "none", kid: key.kid })}.${body}.${tag}`,
    "HS256 by the key's PEM": confused(
      key.public.export({ type: "spki", format: "pem" }).toString(),
    ),
    "HS256 by the key's modulus": confused(
      Buffer.from(key.public.export({ format: "jwk" }).n as string, "base64url"),
    ),
    "a key in the token": assertion(makeKey(), good, {
      kid: key.kid,
      jwk: makeKey().public.export({ format: "jwk" }),
    }),
    "other claims": `${head}.${encode(claims(team.url, { custom: { groups: ["engineering", "x"] } }))}.${tag}`,
    "no signature": `${head}.${body}.`,
    "two parts": `${head}.${body}`,
    garbage: "garbage",
    long: `${head}.${"A".repeat(10_000)}.${tag}`,
  };
  for (const [what, jwt] of Object.entries(wrong)) {
    expect((await ask_as(project, session, jwt)).status, what).toBe(401);
  }
  // A project without Access has no use for one.
  const other = await makeProject(bucket);
  expect((await ask_as(other, session, assertion(key, good))).status).toBe(401);
  // Nor does a good one help a wrong token.
  const { status } = await ask(stack, `/v1/projects/${project.id}/sessions/${session.id}`, {
    headers: { "cf-access-jwt-assertion": assertion(key, good), authorization: "Bearer wrong" },
  });
  expect(status).toBe(401);
});

test("a key that is new is found, one that is gone is void, and made-up ones are not asked for each time", async () => {
  const { team, project, session } = await setUp();
  const old = team.keys[0] as Key;
  expect((await ask_as(project, session, assertion(old, claims(team.url)))).status).toBe(200);
  const fresh = makeKey();
  team.keys = [fresh];
  for (let i = 0; i < 20; i++) {
    await ask_as(project, session, assertion(makeKey(), claims(team.url)));
  }
  expect(team.reads).toBeLessThan(4);
  await until("the new key", async () => {
    const { status } = await ask_as(project, session, assertion(fresh, claims(team.url)));
    return status === 200 ? true : undefined;
  });
  expect((await ask_as(project, session, assertion(old, claims(team.url)))).status).toBe(401);
});

test("keys that cannot be read are our fault", async () => {
  for (const answer of [
    (response: ServerResponse) => response.writeHead(500).end(),
    (response: ServerResponse) => response.writeHead(200).end("<html>"),
    (response: ServerResponse) => response.writeHead(200).end("{}"),
    (response: ServerResponse) => response.destroy(),
  ]) {
    const { team, project, session } = await setUp();
    team.answer = answer;
    const jwt = assertion(team.keys[0] as Key, claims(team.url));
    const { status, body } = await ask_as(project, session, jwt);
    expect([status, body.error]).toEqual([503, "unavailable"]);
    team.answer = undefined;
    expect((await ask_as(project, session, jwt)).status).toBe(200);
  }
});
