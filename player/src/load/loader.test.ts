import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SourceError } from "../source/source.ts";
import type { Decoded } from "./decode.ts";
import { Loader, type LoaderLimits } from "./loader.ts";

/** A loader whose fetches end when a test says so. */
function setUp(limits: Partial<LoaderLimits> = {}) {
  const running = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const log: string[] = [];
  const loader = new Loader(
    (name, signal) =>
      new Promise((resolve, reject) => {
        log.push(`fetch ${name}`);
        running.set(name, {
          resolve: () => resolve({ coding: "gzip", body: new ArrayBuffer(10) }),
          reject,
        });
        signal.addEventListener("abort", () => {
          log.push(`abort ${name}`);
          reject(new DOMException("aborted", "AbortError"));
        });
      }),
    {
      decode: async () =>
        ({ events: [], summary: {}, inflatedBytes: 100, refused: 0 }) as unknown as Decoded,
      close() {},
    },
    {
      onready: (name) => log.push(`ready ${name}`),
      onlost: (name) => log.push(`lost ${name}`),
      onrefused: (error) => log.push(`refused ${error.kind}`),
      ontrouble: () => log.push(`trouble ${loader.trouble?.message ?? "over"}`),
    },
    { fetchesMax: 2, keptBytesMax: 250, retryMs: 1000, ...limits },
  );
  const settle = async (name: string, error?: Error) => {
    const fetch = running.get(name);
    if (error === undefined) fetch?.resolve();
    else fetch?.reject(error);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { loader, log, settle };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("Loader", () => {
  it("fetches in the order of importance, some at once", async () => {
    const { loader, log, settle } = setUp();
    loader.want(["a", "b", "c"]);
    expect(log).toEqual(["fetch a", "fetch b"]);
    await settle("b");
    expect(log.slice(2)).toEqual(["ready b", "fetch c"]);
    expect(loader.get("b")).toBeDefined();
    expect(loader.get("a")).toBeUndefined();
  });

  it("begins with what is not urgent once all that is urgent is there", async () => {
    const { loader, log, settle } = setUp({ fetchesMax: 6 });
    loader.want(["a", "b", "c", "d"], 2);
    expect(log).toEqual(["fetch a", "fetch b"]);
    await settle("a");
    expect(log).toEqual(["fetch a", "fetch b", "ready a"]);
    await settle("b");
    expect(log.slice(3)).toEqual(["ready b", "fetch c", "fetch d"]);
  });

  it("goes on with what it began, when something else becomes urgent", async () => {
    const { loader, log, settle } = setUp({ fetchesMax: 6 });
    loader.want(["a", "b"], 0);
    loader.want(["x", "a", "b", "c"], 1);
    expect(log).toEqual(["fetch a", "fetch b", "fetch x"]);
    await settle("x");
    expect(log.slice(3)).toEqual(["ready x", "fetch c"]);
  });

  it("does not wait for what is lost", async () => {
    const { loader, log, settle } = setUp({ fetchesMax: 6 });
    loader.want(["a", "b"], 1);
    await settle("a", new SourceError("not_found", "gone"));
    expect(log).toEqual(["fetch a", "lost a", "fetch b"]);
  });

  it("cancels what is no longer wanted, and only that", async () => {
    const { loader, log } = setUp();
    loader.want(["a", "b"]);
    loader.want(["b", "c"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(["fetch a", "fetch b", "abort a", "fetch c"]);
  });

  it("does not fetch again what is there", async () => {
    const { loader, log, settle } = setUp();
    loader.want(["a"]);
    await settle("a");
    loader.want([]);
    loader.want(["a"]);
    expect(log).toEqual(["fetch a", "ready a"]);
  });

  it("lets go of what was wanted longest ago, and never of what is wanted", async () => {
    const { loader, settle } = setUp();
    for (const name of ["a", "b", "c", "d"]) {
      loader.want([name]);
      await settle(name);
    }
    expect(["a", "b", "c", "d"].filter((name) => loader.get(name) !== undefined)).toEqual([
      "b",
      "c",
      "d",
    ]);
    loader.want(["b"]);
    loader.want(["e"]);
    await settle("e");
    expect(["b", "c", "d", "e"].filter((name) => loader.get(name) !== undefined)).toEqual([
      "b",
      "d",
      "e",
    ]);
  });

  it("tries again what cannot be reached, and says so meanwhile", async () => {
    const { loader, log, settle } = setUp();
    loader.want(["a"]);
    await settle("a", new SourceError("unreachable", "no answer"));
    expect(log).toEqual(["fetch a", "trouble no answer"]);
    await vi.advanceTimersByTimeAsync(1000);
    await settle("a");
    expect(log.slice(2)).toEqual(["fetch a", "trouble over", "ready a"]);
  });

  it("tries at once when told that the network is back", async () => {
    const { loader, log, settle } = setUp();
    loader.want(["a"]);
    await settle("a", new SourceError("unavailable", "503"));
    loader.retry();
    expect(log.at(-1)).toBe("fetch a");
  });

  it("gives up a chunk that is gone, and goes on", async () => {
    const { loader, log, settle } = setUp({ fetchesMax: 1 });
    loader.want(["a", "b"]);
    await settle("a", new SourceError("not_found", "gone"));
    loader.want(["a", "b", "c"]);
    expect(log).toEqual(["fetch a", "lost a", "fetch b"]);
  });

  it("stops all when the token opens nothing any more", async () => {
    const { loader, log, settle } = setUp({ fetchesMax: 1 });
    loader.want(["a", "b"]);
    await settle("a", new SourceError("unauthorized", "expired"));
    expect(log).toEqual(["fetch a", "refused unauthorized"]);
  });
});
