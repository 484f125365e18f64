import { describe, expect, it } from "vitest";
import vectors from "../../../tests/vectors/plan.json";
import type { Manifest } from "./manifest.ts";
import { holesOf, nextChange, pageAt, plan, segments } from "./plan.ts";

describe("plan", () => {
  for (const { name, manifest, at_ms, lookahead, expected } of vectors.cases) {
    it(name, () => {
      const session = manifest as unknown as Manifest;
      const page = pageAt(session, at_ms);
      if (page === null) return expect(expected).toBeNull();
      const found = plan(session, page, at_ms, {
        ms: lookahead.ms,
        chunksMax: lookahead.chunks_max,
      });
      expect({
        page: found.page,
        shows_ms: found.showsMs,
        needed: found.needed,
        ahead: found.ahead,
        holes: found.holes.map((hole) => ({
          page: hole.page,
          from_ms: hole.fromMs,
          to_ms: hole.toMs,
        })),
      }).toEqual(expected);
    });
  }
});

const tabs = sessionOf("back in the first tab when the visitor is active there");

function sessionOf(name: string): Manifest {
  return vectors.cases.find((entry) => entry.name === name)?.manifest as unknown as Manifest;
}

describe("segments", () => {
  it("tell which page load is shown when", () => {
    expect(segments(tabs)).toEqual([
      { page: "aaaaaaaa", fromMs: 1000, toMs: 10000 },
      { page: "bbbbbbbb", fromMs: 10000, toMs: 20000 },
      { page: "aaaaaaaa", fromMs: 20000, toMs: 30001 },
    ]);
  });

  it("agree with pageAt at every moment", () => {
    for (const { fromMs, toMs, page } of segments(tabs)) {
      for (let ms = fromMs; ms < toMs; ms += 50) expect(pageAt(tabs, ms)).toBe(page);
    }
  });
});

describe("nextChange", () => {
  it("is never later than a change of the page or of what is needed", () => {
    for (const { manifest } of vectors.cases) {
      const session = manifest as unknown as Manifest;
      const answer = (ms: number) => {
        const page = pageAt(session, ms);
        return page === null
          ? null
          : [page, plan(session, page, ms, { ms: 0, chunksMax: 0 }).needed];
      };
      // From the first checkpoint on: before it, playing starts there.
      const fromMs = page0Checkpoint(session);
      for (let ms = fromMs; ms < session.ended_ms; ms += 97) {
        const untilMs = Math.min(nextChange(session, ms), ms + 3000);
        expect(answer(untilMs - 1)).toEqual(answer(ms));
      }
    }
  });
});

function page0Checkpoint(session: Manifest): number {
  const all = session.pages.flatMap((page) =>
    page.chunks.flatMap((chunk) => chunk.checkpoints.map(([ms]) => ms)),
  );
  return all.length === 0 ? session.ended_ms : Math.min(...all);
}

describe("holesOf", () => {
  it("does not count what is missing before the first chunk", () => {
    const [page] = sessionOf("the first chunk is missing").pages;
    expect(page && holesOf(page)).toEqual([]);
  });

  it("ends with the snapshot, where the chunk behind it begins with one", () => {
    const [page] = sessionOf("inside a hole").pages;
    const behind = page?.chunks[1];
    if (page === undefined || behind === undefined) throw new Error("the case has changed");
    behind.checkpoints = [[behind.first_ms + 40, 1]];
    expect(holesOf(page)[0]?.toMs).toBe(behind.first_ms + 40);
    // A snapshot later in the chunk is not waited for.
    behind.checkpoints = [[behind.first_ms + 4_000, 80]];
    expect(holesOf(page)[0]?.toMs).toBe(behind.first_ms);
  });
});
