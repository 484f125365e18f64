import { describe, expect, it } from "vitest";
import { idleAt, idleStretches } from "./idle.ts";
import type { Manifest } from "./manifest.ts";

const chunk = (seq: number, active?: [number, number]) => ({
  seq,
  hash: "00000000",
  first_ms: 0,
  last_ms: 0,
  bytes: 1,
  inflated_bytes: 1,
  events: 1,
  checkpoints: [],
  ...(active === undefined ? {} : { active }),
});

const manifest: Manifest = {
  started_ms: 0,
  ended_ms: 120_000,
  users: [],
  pages: [
    {
      page: "aaaaaaaa",
      first_ms: 0,
      last_ms: 120_000,
      chunks: [chunk(0, [0, 30_000]), chunk(1), chunk(2, [70_000, 75_000])],
    },
  ],
  errors: [],
  errors_omitted: 0,
  markers: [],
};

function check(expected: [number, number][], changed: Partial<Manifest> = {}, activity = {}): void {
  const known = activity as Record<string, number[]>;
  const found = idleStretches({ ...manifest, ...changed }, (name) => known[name]);
  expect(found.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual(expected);
}

describe("idleStretches", () => {
  it("are where the manifest tells of no activity, with a little left on both sides", () => {
    check([
      [32_000, 69_000],
      [77_000, 119_000],
    ]);
  });

  it("are finer where the chunk has been read", () => {
    check(
      [
        [3_000, 28_000],
        [32_000, 69_000],
        [77_000, 119_000],
      ],
      {},
      { "aaaaaaaa-00000-00000000": [500, 1_000, 29_000, 30_000] },
    );
  });

  it("end at an error and at a page load", () => {
    const errors = [{ at: { at_ms: 50_000, page: "aaaaaaaa" }, type: "", message: "" }];
    const pages = [
      ...manifest.pages,
      { page: "b", first_ms: 100_000, last_ms: 100_000, chunks: [] },
    ];
    check(
      [
        [32_000, 49_000],
        [52_000, 69_000],
        [77_000, 99_000],
        [102_000, 119_000],
      ],
      { errors, pages },
    );
  });

  it("are not what takes under ten seconds", () => {
    const pages = [{ page: "a", first_ms: 0, last_ms: 39_000, chunks: [chunk(0, [0, 30_000])] }];
    check([], { ended_ms: 39_000, pages });
  });

  it("hold their start and not their end", () => {
    const stretch = { fromMs: 10, toMs: 20 };
    expect([9, 10, 19, 20].map((ms) => idleAt([stretch], ms))).toEqual([
      null,
      stretch,
      stretch,
      null,
    ]);
  });
});
