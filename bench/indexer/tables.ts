// A million sessions' tables, made by the indexer's own code, and questions to them as the player asks them.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  openAsBlob,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zstdDecompressSync } from "node:zlib";
import { asyncBufferFromFile, type FileMetaData, parquetRead } from "hyparquet";
import type { IndexFile } from "../../player/src/find/files.ts";
import { openTable } from "../../player/src/find/parquet.ts";
import { parseQuery, type Table } from "../../player/src/find/query.ts";
import { TABLES } from "../../player/src/find/scan.ts";
import { findSessions, type Tables } from "../../player/src/find/search.ts";
import { fileRanges } from "../../player/src/source/ranges.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Of the first row that the generator makes. */
const FIRST_MS = Date.parse("2023-11-14");
const DAY_MS = 86_400_000;
/** Rows that a list shows at first. */
const ROWS = 50;

/** A folder with `index/` of so many sessions over so many days, as compaction leaves it. Made once by each `tapedeck-bench-files`. */
export function madeTables(program: string, sessions: number, days: number): string {
  const digest = createHash("sha256").update(readFileSync(program)).digest("hex").slice(0, 8);
  const folder = join(ROOT, `target/bench/tables-${sessions}-${days}-${digest}`);
  if (!existsSync(folder)) {
    const made = `${folder}.new`;
    mkdirSync(made, { recursive: true });
    execFileSync(program, [made, String(sessions), String(days), "l1"]);
    renameSync(made, folder);
  }
  return folder;
}

/** The files of a table under such a folder. `url` is the path on this disk. */
export function filesOf(folder: string, table: Table): IndexFile[] {
  return readdirSync(join(folder, "index/demo", table), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".parquet"))
    .map((path) => {
      const url = join(folder, "index/demo", table, path);
      const key = `index/demo/${table}/${path}`;
      const day = /dt=([0-9-]+)/.exec(path)?.[1] ?? "";
      return { table, day, key, url, bytes: statSync(url).size };
    });
}

/** What a search cost. */
export interface Searched {
  question: string;
  found: number;
  /** Whether all that counts was counted, or only as much as counting is worth. */
  complete: boolean;
  requests: number;
  bytes: number;
  ms: number;
  /** Until the first rows stood on the screen. */
  first_ms: number;
  first_bytes: number;
  /** Until the rows on the screen were those that stay there: what is read behind that only counts. */
  page_ms: number;
  page_bytes: number;
}

/** Questions to the table of sessions, as the address of the player's list has them. */
export const QUESTIONS: readonly { name: string; query: string }[] = [
  { name: "newest", query: "" },
  { name: "user", query: "user=u_4711" },
  { name: "event", query: "event=checkout&country=JP" },
  { name: "dead", query: "dead=1&device=mobile" },
  { name: "longest", query: "sort=duration_ms" },
];

/** One question to the tables, from nothing: no footer is known. */
export async function search(
  folder: string,
  days: number,
  name: string,
  query: string,
): Promise<Searched> {
  let [bytes, requests] = [0, 0];
  const known = new Map<string, FileMetaData>();
  const signal = new AbortController().signal;
  const tables: Tables = {
    files: filesOf(folder, "sessions"),
    bytesRead: () => bytes,
    open: async (file) => {
      const ranges = fileRanges(await openAsBlob(file.url));
      const counted = {
        read: async (from: number, to: number, signal: AbortSignal) => {
          const part = await ranges.read(from, to, signal);
          requests++;
          bytes += part.byteLength;
          return part;
        },
      };
      return openTable(file.key, file.bytes, counted, TABLES.sessions.time, signal, known);
    },
  };
  const times = { fromMs: FIRST_MS, toMs: FIRST_MS + days * DAY_MS };
  const begun = performance.now();
  const first = { ms: 0, bytes: 0 };
  const page = { ms: 0, bytes: 0 };
  let shown = "";
  let [found, complete] = [0, false];
  for await (const answer of findSessions(tables, parseQuery("sessions", query), times, ROWS)) {
    [found, complete] = [answer.count, answer.complete];
    const now = { ms: performance.now() - begun, bytes };
    if (first.ms === 0 && answer.rows.length > 0) Object.assign(first, now);
    const rows = answer.rows.map(({ session }) => session).join();
    if (rows !== shown) Object.assign(page, now);
    shown = rows;
  }
  return {
    question: name,
    found,
    complete,
    requests,
    bytes,
    ms: performance.now() - begun,
    first_ms: first.ms,
    first_bytes: first.bytes,
    page_ms: page.ms,
    page_bytes: page.bytes,
  };
}

/** Every column of every row, by the same reader. */
export async function readEverything(
  folder: string,
): Promise<{ bytes: number; rows: number; ms: number }> {
  const begun = performance.now();
  let [bytes, rows] = [0, 0];
  for (const { url, bytes: size } of filesOf(folder, "sessions")) {
    await parquetRead({
      file: await asyncBufferFromFile(url),
      compressors: {
        // The player's own decoder is slower; this favours reading everything.
        ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)),
      },
      onChunk: ({ columnName, rowStart, rowEnd }) => {
        if (columnName === "session") rows += rowEnd - rowStart;
      },
    });
    bytes += size;
  }
  return { bytes, rows, ms: performance.now() - begun };
}
