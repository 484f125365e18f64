import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  fillHeaders,
  headersFile,
  type Places,
  readConfigs,
  readTemplate,
  tapedeckJson,
} from "../headers.ts";

const places: Places = {
  edge: "https://replay.example",
  stores: ["https://s3.example"],
  sources: [],
  assets: ["https://shop.example", "https://fonts.example"],
  embedders: ["https://desk.example"],
};

it("lets recorded pages show what the projects allow, and nothing else", () => {
  const headers = fillHeaders(readTemplate(), places);
  const policy = headers["/*"]?.["Content-Security-Policy"];
  expect(policy).toContain("connect-src 'self' https://replay.example https://s3.example;");
  expect(policy).toContain(
    "img-src 'self' data: blob: https://shop.example https://fonts.example;",
  );
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("{");
  expect(headers["/embed.html"]?.["Content-Security-Policy"]).toContain(
    "frame-ancestors https://desk.example",
  );
  expect(headers["/embed.html"]?.["X-Content-Type-Options"]).toBe("nosniff");
});

it("with nothing allowed, allows nothing", () => {
  const empty = { edge: null, stores: [], sources: [], assets: [], embedders: [] };
  const headers = fillHeaders(readTemplate(), empty);
  expect(headers["/*"]?.["Content-Security-Policy"]).toContain("connect-src 'self'; ");
  expect(headers["/embed.html"]?.["Content-Security-Policy"]).toContain("frame-ancestors 'none'");
  expect(tapedeckJson(empty)).toEqual({ assets: [], embedders: [] });
});

it.each([
  "https://a.example; script-src *",
  "*",
  "javascript:alert(1)",
  "shop.example",
  "https://*.shop.example",
])("refuses %s, which would widen the policy", (asset) =>
  expect(() => fillHeaders(readTemplate(), { ...places, assets: [asset] })).toThrow("no origin"),
);

it("takes back what all paths have before a path says it otherwise", () => {
  const file = headersFile(fillHeaders(readTemplate(), places));
  expect(file).toContain(
    "/embed.html\n  ! Content-Security-Policy\n  Content-Security-Policy: default-src 'none'",
  );
  expect(file).toContain(
    "/tapedeck-player.js\n  ! Cross-Origin-Resource-Policy\n  Cross-Origin-Resource-Policy: cross-origin\n",
  );
  expect(file.split("\n").every((line) => line.length < 2_000)).toBe(true);
});

it("reads assets and stores from the projects' configs", () => {
  const folder = mkdtempSync(join(tmpdir(), "tapedeck-headers-"));
  const config = {
    asset_origins: ["https://shop.example"],
    store: { endpoint: "https://s3.example", bucket: "replays" },
  };
  writeFileSync(join(folder, "shop.json"), JSON.stringify(config));
  writeFileSync(
    join(folder, "other.json"),
    JSON.stringify({ asset_origins: ["https://shop.example"] }),
  );
  expect(readConfigs(folder)).toEqual({
    assets: ["https://shop.example"],
    stores: ["https://s3.example", "https://replays.s3.example"],
  });
});
