import { array, FormatError, number, object } from "../session/manifest.ts";
import { callEdge, type EdgeAccess } from "../source/edge-calls.ts";
import { readable } from "../source/reach.ts";
import type { Table } from "./query.ts";

/** One file of a project's tables. */
export interface IndexFile {
  table: Table;
  /** `YYYY-MM-DD`, of the sessions' starts. */
  day: string;
  key: string;
  bytes: number;
  url: string;
}

/** A list of files, and when, by our clock, it was made. */
export interface Listing {
  files: IndexFile[];
  listedMs: number;
}

/** The files of `table` that are there for days from `from` to `to`, both included. @throws {SourceError} */
export async function listFiles(
  access: EdgeAccess,
  table: Table,
  { from, to }: { from: string; to: string },
  signal: AbortSignal,
): Promise<Listing> {
  const reply = await callEdge(access, `/index?from=${from}&to=${to}&tables=${table}`, { signal });
  return readable(() => ({
    files: array(reply.files, "files")
      .map(parseFile)
      .filter((file) => file.table === table),
    listedMs: Date.now(),
  }));
}

function parseFile(value: unknown): IndexFile {
  const file = object(value, "file");
  const { table, day, key, url } = file;
  if (table !== "sessions" && table !== "errors" && table !== "pages")
    throw new FormatError(`file is of table ${String(table)}`);
  if (typeof day !== "string" || typeof key !== "string" || typeof url !== "string")
    throw new FormatError("file has no day, key or URL");
  return { table, day, key, url, bytes: number(file.bytes, "bytes") };
}
