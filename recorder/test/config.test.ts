import { expect, test } from "vitest";
import { DEFAULT_CONFIG, fetchConfig, parseConfig } from "../src/config.js";

test("what the edge says holds, the rest has its default", () => {
  const sampling = [{ from_ms: 0, all: 0.1 }];
  const body = {
    version: 1,
    project: "demo",
    sampling,
    limits: { session_ms_max: 60_000 },
    recorder: { flush_first_ms: 100 },
  };
  expect(parseConfig(body)).toEqual({
    kind: "config",
    config: {
      ...DEFAULT_CONFIG,
      project: "demo",
      sampling,
      sessionMsMax: 60_000,
      flushFirstMs: 100,
    },
  });
});

test("fields that are not of their kind have their default", () => {
  const body = {
    version: 1,
    sampling: [{ all: "x" }, 7],
    limits: { events_max: -1 },
    recorder: "soon",
  };
  expect(parseConfig(body)).toEqual({ kind: "config", config: DEFAULT_CONFIG });
});

test("another version is refused by name", () => {
  expect(parseConfig({ version: 2 })).toEqual({
    kind: "unavailable",
    reason: "config has version 2, expected 1",
  });
  expect(parseConfig(undefined).kind).toBe("unavailable");
});

test("the request carries the key and nothing of the page", async () => {
  const seen: unknown[] = [];
  const reply = await fetchConfig(
    async (url, init) => {
      seen.push(url, init?.credentials, init?.referrerPolicy);
      return Response.json({ error: "unknown_key" }, { status: 401 });
    },
    "https://edge.example",
    "pk_a&b",
  );
  expect(seen).toEqual(["https://edge.example/v1/config?key=pk_a%26b", "omit", "no-referrer"]);
  expect(reply).toEqual({ kind: "refused", reason: "unknown_key" });
});
