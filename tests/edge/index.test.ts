import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeTeam } from "../harness/team.ts";
import { ask } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);

test("the tables' files of some days, each with a URL", async () => {
  const { project } = await makeTeam(bucket);
  const put = async (table: string, day: string, level: string, bytes: number) => {
    const key = `index/${project.id}/${table}/dt=${day}/${level}/${randomBytes(8).toString("hex")}.parquet`;
    await bucket.put(key, Buffer.alloc(bytes));
    return { table, day, level, key, bytes };
  };
  const wanted = [
    await put("sessions", "2026-11-19", "l0", 10),
    await put("sessions", "2026-11-20", "l1", 20),
    await put("errors", "2026-11-20", "l0", 30),
  ];
  const pages = await put("pages", "2026-11-20", "l0", 40);
  await put("sessions", "2026-11-18", "l0", 50);
  await put("sessions", "2026-11-21", "l0", 50);
  await bucket.put(
    `index/${project.id}/errors/dt=2026-11-20/replaced/${randomBytes(8).toString("hex")}.json`,
    "{}",
  );
  const list = (query: string) =>
    ask(stack, `/v1/projects/${project.id}/index?${query}`, {
      headers: { authorization: `Bearer ${project.token}` },
    });
  const { status, headers, body } = await list(
    "from=2026-11-19&to=2026-11-20&tables=sessions,errors",
  );
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(body.files).toEqual(wanted.map((file) => ({ ...file, url: expect.any(String) })));
  expect(body.urls_expire_ms).toBe(Math.floor(body.now_ms / 1_000) * 1_000 + 15 * 60_000);
  for (const { url, bytes } of body.files) {
    expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(bytes);
  }
  const all = (await list("from=2026-11-20&to=2026-11-20")).body.files;
  expect(all.map(({ key }: { key: string }) => key).sort()).toEqual(
    [wanted[1]?.key, wanted[2]?.key, pages.key].sort(),
  );
  expect((await list("from=2025-01-01&to=2025-01-02")).body.files).toEqual([]);
  for (const wrong of [
    "",
    "from=2026-11-20",
    "from=2026-11-20&to=2026-11-19",
    "from=2026-01-01&to=2026-04-04",
    "from=2026-02-30&to=2026-03-01",
    "from=2026-11-20&to=2026-11-20&tables=users",
    "from=2026-11-20&to=2026-11-20&tables=",
  ]) {
    const { status, body } = await list(wrong);
    expect([status, body.error], wrong).toEqual([400, "request"]);
  }
});

/** A store with so many files of one day. Writing them all would take longer than every other test of the edge. */
async function storeOf(files: number) {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://store");
    const prefix = url.searchParams.get("prefix");
    const table = /^index\/[^/]+\/sessions\/dt=$/.exec(prefix ?? "");
    response.setHeader("etag", '"1"');
    if (request.method !== "GET" || url.searchParams.get("list-type") !== "2") {
      request.resume().on("end", () => response.end());
      return;
    }
    const key = (n: number) => `${prefix}2026-11-20/l0/${n.toString(16).padStart(16, "0")}.parquet`;
    const after = url.searchParams.get("start-after") ?? "";
    let first = 0;
    while (first < files && key(first) <= after) first += 1;
    const last = table ? Math.min(files, first + 1_000) : first;
    const contents = Array.from(
      { length: last - first },
      (_, i) =>
        `<Contents><Key>${key(first + i)}</Key><LastModified>2026-11-20T00:00:00.000Z</LastModified><ETag>"1"</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    );
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>elsewhere</Name><Prefix>${prefix}</Prefix><KeyCount>${contents.length}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${contents.join("")}</ListBucketResult>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => server.closeAllConnections());
  open.push(() => server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, bucket: "elsewhere", region: "eu-central-1" };
}

const open: (() => void)[] = [];
afterAll(() => {
  for (const close of open) close();
});

test.for([
  [5_000, 200],
  [5_001, 400],
])("%i files get %i", async ([files, expected]) => {
  const { project } = await makeTeam(bucket, { store: await storeOf(files as number) });
  const { status, body } = await ask(
    stack,
    `/v1/projects/${project.id}/index?from=2026-11-20&to=2026-11-20`,
    { headers: { authorization: `Bearer ${project.token}` } },
  );
  expect(status).toBe(expected);
  if (status === 200) {
    expect(new Set(body.files.map(({ key }: { key: string }) => key)).size).toBe(5_000);
  } else {
    expect(body.error).toBe("request");
    expect(body.detail).toContain("fewer days");
  }
});
