import { describe, expect, it } from "vitest";
import type { Summary } from "../load/summary.ts";
import type { Chunk, Manifest } from "./manifest.ts";
import { marksOf } from "./marks.ts";
import { type LearnedChunk, modelOf, urlAt } from "./model.ts";
import { holesOf } from "./plan.ts";

function chunk(seq: number, first_ms: number, last_ms: number): Chunk {
  return {
    seq,
    hash: "0000000a",
    first_ms,
    last_ms,
    bytes: 10,
    inflated_bytes: 20,
    events: 2,
    checkpoints: [],
  };
}

function learned(
  page: string,
  seq: number,
  first_ms: number,
  last_ms: number,
  summary: Partial<Summary> = {},
): LearnedChunk {
  return {
    page,
    seq,
    hash: "0000000a",
    bytes: 10,
    inflatedBytes: 20,
    summary: {
      first_ms,
      last_ms,
      events: 2,
      checkpoints: [[first_ms, 0]],
      errors: [],
      navigations: [],
      ...summary,
    },
  };
}

const manifest: Manifest = {
  started_ms: 1000,
  ended_ms: 9001,
  users: [],
  pages: [
    {
      page: "aaaaaaaa",
      opening: { url: "https://shop.example/" },
      first_ms: 1000,
      last_ms: 9000,
      chunks: [chunk(0, 1000, 3000), chunk(1, 3100, 6000), chunk(2, 6100, 9000)],
    },
  ],
  errors: [],
  errors_omitted: 0,
  markers: [
    { at: { at_ms: 2000, page: "aaaaaaaa" }, kind: "navigation", label: "/cart" },
    { at: { at_ms: 4000, page: "aaaaaaaa" }, kind: "custom", label: "bought" },
    {
      at: { at_ms: 5000, page: "aaaaaaaa" },
      kind: "navigation",
      label: "https://shop.example/pay#/card",
    },
  ],
};

const none: ReadonlySet<string> = new Set();

describe("modelOf", () => {
  it("is the manifest where nothing differs", () => {
    expect(modelOf(manifest, [], none)).toEqual(manifest);
  });

  it("appends chunks that are newer", () => {
    const error = { at_ms: 9500, type: "TypeError", message: "x" };
    const model = modelOf(
      manifest,
      [learned("aaaaaaaa", 3, 9100, 12000, { errors: [error] })],
      none,
    );
    expect(model?.ended_ms).toBe(12001);
    expect(model?.pages[0]).toMatchObject({
      last_ms: 12000,
      chunks: [{}, {}, {}, { seq: 3, checkpoints: [[9100, 0]] }],
    });
    expect(model?.errors).toEqual([
      { at: { at_ms: 9500, page: "aaaaaaaa" }, type: "TypeError", message: "x" },
    ]);
  });

  it("forgets what was learned once the manifest has it", () => {
    const known = learned("aaaaaaaa", 2, 6100, 9000, {
      errors: [{ at_ms: 7000, type: "E", message: "" }],
    });
    expect(modelOf(manifest, [known], none)).toEqual(manifest);
  });

  it("needs no manifest", () => {
    const opening = { url: "https://shop.example/help", title: "Help" };
    const model = modelOf(
      null,
      [learned("bbbbbbbb", 1, 500, 700), learned("bbbbbbbb", 0, 100, 400, { opening })],
      none,
    );
    expect(model).toMatchObject({
      started_ms: 100,
      ended_ms: 701,
      pages: [{ page: "bbbbbbbb", opening, first_ms: 100 }],
    });
    expect(model?.pages[0]?.chunks.map((chunk) => chunk.seq)).toEqual([0, 1]);
  });

  it("is null while nothing is known", () => {
    expect(modelOf(null, [], none)).toBeNull();
  });

  it("has a hole where a chunk is lost, and keeps its length", () => {
    const lost = new Set(["aaaaaaaa-00001-0000000a", "aaaaaaaa-00002-0000000a"]);
    const middle = modelOf(manifest, [], new Set([...lost].slice(0, 1)));
    expect(middle?.pages.flatMap(holesOf)).toEqual([
      { page: "aaaaaaaa", fromMs: 3000, toMs: 6100 },
    ]);
    const end = modelOf(manifest, [], lost);
    expect(end).toMatchObject({ started_ms: 1000, ended_ms: 9001 });
    expect(end?.pages.flatMap(holesOf)).toEqual([{ page: "aaaaaaaa", fromMs: 3000, toMs: 9001 }]);
  });

  it("keeps a page load of which everything is lost, as a hole", () => {
    const second = {
      page: "bbbbbbbb",
      first_ms: 9100,
      last_ms: 9900,
      chunks: [chunk(0, 9100, 9900)],
    };
    const two = { ...manifest, ended_ms: 9901, pages: [...manifest.pages, second] };
    const model = modelOf(two, [], new Set(["bbbbbbbb-00000-0000000a"]));
    expect(model?.pages).toHaveLength(2);
    expect(model?.pages.flatMap(holesOf)).toEqual([{ page: "bbbbbbbb", fromMs: 9100, toMs: 9901 }]);
    expect(marksOf(model as Manifest)).toContainEqual({
      atMs: 9100,
      kind: "lost",
      label: "Lost: Page",
    });
    const all = ["00000", "00001", "00002"].map((seq) => `aaaaaaaa-${seq}-0000000a`);
    expect(modelOf(manifest, [], new Set(all))).toBeNull();
  });
});

describe("urlAt", () => {
  it("follows the navigations within a page load", () => {
    expect(urlAt(manifest, "aaaaaaaa", 1500)).toBe("https://shop.example/");
    expect(urlAt(manifest, "aaaaaaaa", 4500)).toBe("https://shop.example/cart");
    expect(urlAt(manifest, "aaaaaaaa", 8000)).toBe("https://shop.example/pay#/card");
    expect(urlAt(manifest, "bbbbbbbb", 8000)).toBeNull();
  });
});
