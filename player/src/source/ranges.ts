/** A file of which parts can be read: on the reader's disk, or by HTTP range requests. */

import { bodyOf, reach, retried } from "./reach.ts";
import { SourceError } from "./source.ts";

export interface Ranges {
  /**
   * The bytes from `from` to `to` (exclusive), fewer where the file ends before, of which the caller becomes the owner. `onpart` is told, while they
   * arrive, how many of them are in a buffer of which it may read these.
   */
  read(from: number, to: number, signal: AbortSignal, onpart?: OnPart): Promise<ArrayBuffer>;
}

export type OnPart = (buffer: ArrayBuffer, bytes: number) => void;

/** A file that was dropped on the player: nothing of it touches the network. */
export function fileRanges(file: Blob): Ranges {
  return {
    async read(from, to, signal) {
      signal.throwIfAborted();
      try {
        return await file.slice(from, to).arrayBuffer();
      } catch (cause) {
        throw new SourceError(
          "unreadable",
          "the file cannot be read any more: it was moved or changed",
          { cause },
        );
      }
    },
  };
}

/** A file behind a URL, which `urlOf` tells anew when the store refuses the one before (`renew`). */
export function urlRanges(
  urlOf: (renew: boolean, signal: AbortSignal) => Promise<string>,
  what: string,
): Ranges {
  return {
    read(from, to, signal, onpart) {
      let refused = false;
      return retried(signal, async () => {
        const url = await urlOf(refused, signal);
        signal.throwIfAborted();
        const response = await reach(url, {
          signal,
          headers: { Range: `bytes=${from}-${to - 1}` },
        });
        if (response.status === 206) return bodyOf(response, what, to - from, signal, onpart);
        await response.body?.cancel();
        if (response.status === 404) throw new SourceError("not_found", `${what} is not stored`);
        if (response.status === 200) {
          throw new SourceError(
            "unreadable",
            `${what}: the host answers whole files where a range was asked for, so it cannot be opened at a moment`,
          );
        }
        // Expired, or signed with keys that were changed since: a new signature can help.
        refused = true;
        throw new SourceError("unavailable", `store answered ${response.status} for ${what}`);
      });
    },
  };
}

interface Waiting {
  from: number;
  to: number;
  signal: AbortSignal;
  resolve(bytes: ArrayBuffer): void;
  reject(error: unknown): void;
}

/**
 * `ranges`, with reads that are asked for at the same moment and lie within `gapBytesMax` of each other made as one. A read that several wait for
 * ends early only when none does any more.
 */
export function gathered(ranges: Ranges, gapBytesMax: number, runBytesMax: number): Ranges {
  let waiting: Waiting[] = [];
  const flush = () => {
    const asked = waiting.sort((a, b) => a.from - b.from || a.to - b.to);
    waiting = [];
    for (const run of runsOf(asked, gapBytesMax, runBytesMax)) void readRun(ranges, run);
  };
  return {
    read(from, to, signal) {
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) queueMicrotask(flush);
        waiting.push({ from, to, signal, resolve, reject });
      });
    },
  };
}

function runsOf(sorted: readonly Waiting[], gapMax: number, runMax: number): Waiting[][] {
  const runs: Waiting[][] = [];
  let end = 0;
  let start = 0;
  for (const read of sorted) {
    const last = runs.at(-1);
    if (
      last !== undefined &&
      read.from <= end + gapMax &&
      Math.max(end, read.to) - start <= runMax
    ) {
      last.push(read);
      end = Math.max(end, read.to);
    } else {
      runs.push([read]);
      start = read.from;
      end = read.to;
    }
  }
  return runs;
}

async function readRun(ranges: Ranges, run: readonly Waiting[]): Promise<void> {
  const start = Math.min(...run.map(({ from }) => from));
  const end = Math.max(...run.map(({ to }) => to));
  const controller = new AbortController();
  const leave = () => {
    if (run.every(({ signal }) => signal.aborted)) controller.abort();
  };
  for (const { signal, reject } of run) {
    signal.addEventListener("abort", () => {
      reject(signal.reason);
      leave();
    });
  }
  leave();
  // Each has its bytes as soon as they are there, not only once the last one has.
  const left = [...run];
  const give = (buffer: ArrayBuffer, bytes: number) => {
    while (left[0] !== undefined && left[0].to - start <= bytes) {
      const { from, to, resolve } = left.shift() as Waiting;
      resolve(buffer.slice(from - start, to - start));
    }
  };
  try {
    const bytes = await ranges.read(start, end, controller.signal, give);
    for (const { from, to, resolve } of left) resolve(bytes.slice(from - start, to - start));
  } catch (error) {
    for (const { reject } of run) reject(error);
  }
}
