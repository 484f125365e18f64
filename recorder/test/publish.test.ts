import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test } from "vitest";
import { fetchVersions, layOut, type Manifest, versionOf } from "../publish.js";

const files = (text: string): Map<string, string> =>
  new Map([
    ["tapedeck.js", `first ${text}`],
    ["tapedeck-recorder.js", `proper ${text}`],
  ]);

const close: (() => void)[] = [];
afterAll(() => {
  for (const end of close) end();
});

/** An edge that serves these paths. */
async function edgeWith(paths: Map<string, string>): Promise<string> {
  const server = createServer((request, response) => {
    const text = paths.get((request.url ?? "/").slice(1));
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a version is named by its files", () => {
  const name = versionOf("1.2.3", files("a"));
  expect(name).toMatch(/^1\.2\.3-[0-9a-f]{8}$/);
  expect(versionOf("1.2.3", files("a"))).toBe(name);
  expect(versionOf("1.2.3", files("b"))).not.toBe(name);
});

test("what is served now is kept beside what is new", async () => {
  const old = layOut("1.0.0", files("old"));
  const kept = await fetchVersions(await edgeWith(old));
  const paths = layOut("1.1.0", files("new"), kept);
  const manifest: Manifest = JSON.parse(paths.get("r/manifest.json") ?? "");
  const [before, after] = [versionOf("1.0.0", files("old")), versionOf("1.1.0", files("new"))];
  expect(Object.keys(manifest.versions)).toEqual([before, after]);
  expect(manifest.latest).toBe(after);
  expect(paths.get(`r/${before}/tapedeck.js`)).toBe("first old");
  expect(paths.get("r/latest/tapedeck.js")).toBe("first new");
  expect(paths.get("_headers")).toContain(
    `/r/${before}/*\n  Cache-Control: public, max-age=31536000, immutable\n`,
  );
});

test("nothing is kept that is not what its manifest says", async () => {
  const old = layOut("1.0.0", files("old"));
  old.set(`r/${versionOf("1.0.0", files("old"))}/tapedeck.js`, "something else");
  await expect(fetchVersions(await edgeWith(old))).rejects.toThrow("is not what its manifest says");
});

test("an edge that serves none has nothing to keep", async () => {
  expect(await fetchVersions(await edgeWith(new Map()))).toEqual(new Map());
});
