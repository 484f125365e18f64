import { expect, it } from "vitest";
import { makeUp } from "../../test/recording.ts";
import { AheadSource } from "./ahead.ts";
import { type Moment, type Source, SourceError, type View } from "./source.ts";

const START_MS = 1_700_000_000_000;
const { manifest, chunks } = makeUp({
  startMs: START_MS,
  minutes: 4,
  chunkSeconds: 20,
  checkpointEvery: 6,
});
const never = new AbortController().signal;

/** A source that writes down what it is asked for. */
function setUp(view: () => Promise<View> = async () => seen()): {
  source: Source;
  asked: string[];
  signals: AbortSignal[];
} {
  const asked: string[] = [];
  const signals: AbortSignal[] = [];
  const source: Source = {
    view(at: Moment) {
      asked.push(`view ${at}`);
      return view();
    },
    async chunk(name, signal) {
      asked.push(name);
      signals.push(signal);
      return { coding: "gzip", body: new ArrayBuffer(1) };
    },
  };
  return { source, asked, signals };
}

function seen(view: Partial<View> = {}): View {
  return { manifest, raw: manifest, newer: [], nowMs: 0, coding: "gzip", ...view };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

it("asks for the view and the moment's chunks, and for each of them once", async () => {
  const { source, asked } = setUp();
  // In the second part since the checkpoint at two minutes.
  const at = START_MS + 2 * 60_000 + 25_000;
  const ahead = new AheadSource(source, at);
  await settled();
  const needed = chunks.slice(6, 8).map(({ name }) => name);
  expect(asked).toEqual([`view ${at}`, ...needed]);
  await ahead.view(at, never);
  for (const name of needed) await ahead.chunk(name, never);
  expect(asked).toHaveLength(3);
  await ahead.view(at, never);
  await ahead.chunk(needed[0] as string, never);
  expect(asked.slice(3)).toEqual([`view ${at}`, needed[0]]);
});

it("asks for no more than six chunks, and for what no manifest knows of", async () => {
  const newer = chunks.map(({ page, seq, hash, body }) => ({
    page,
    seq,
    hash,
    bytes: body.length,
  }));
  const { source, asked } = setUp(async () => seen({ manifest: null, raw: null, newer }));
  new AheadSource(source, "start");
  await settled();
  expect(asked).toEqual(["view start", ...chunks.slice(0, 6).map(({ name }) => name)]);
});

it("ends a fetch that is no longer wanted", async () => {
  const { source, signals } = setUp();
  const ahead = new AheadSource(source, "start");
  await settled();
  const wanted = new AbortController();
  await ahead.chunk(chunks[0]?.name as string, wanted.signal);
  wanted.abort();
  expect(signals[0]?.aborted).toBe(true);
});

it("tells a failure to who takes the view, and asks anew afterwards", async () => {
  let refuses = true;
  const { source, asked } = setUp(async () => {
    if (refuses) throw new SourceError("unauthorized", "no such token");
    return seen();
  });
  const ahead = new AheadSource(source, "start");
  await expect(ahead.view("start", never)).rejects.toThrow("no such token");
  refuses = false;
  await ahead.view("start", never);
  expect(asked).toEqual(["view start", "view start"]);
});
