import { expect, test } from "vitest";
import { DEFAULT_CONFIG, numberIn, parseConfig, sessionMsMax } from "../src/config.js";

const sampling = [{ from_ms: 0, all: 0.1, error: 1 }];

test("what the edge says holds, the rest has its default", () => {
  const body = { version: 1, project: "demo", sampling, limits: { session_ms_max: 60_000 } };
  const reply = parseConfig(body);
  expect(reply).toBe(body);
  expect(sessionMsMax(body)).toBe(60_000);
  expect(sessionMsMax(DEFAULT_CONFIG)).toBe(3_600_000);
});

test.each([null, "text", {}, { version: 2, sampling }])(
  "%j is no configuration of this edition",
  (body) => {
    expect(parseConfig(body)).toBe(DEFAULT_CONFIG);
  },
);

test.each([undefined, "all", [null], [{ from_ms: 0 }], [{ all: 1 }]])(
  "rates that are none, %j, leave it to the edge",
  (rates) => {
    const reply = parseConfig({ version: 1, sampling: rates });
    expect(reply).toMatchObject({ version: 1, sampling: DEFAULT_CONFIG.sampling });
  },
);

test.each([undefined, null, "five", -1, 0, Number.NaN])("%j is no limit", (value) => {
  expect(numberIn({ name: value }, "name", 7)).toBe(7);
  expect(numberIn(undefined, "name", 7)).toBe(7);
});
