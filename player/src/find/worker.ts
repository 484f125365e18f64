/** Searches off the main thread. One question at a time: the next ends the one before. */

import type { FileMetaData } from "hyparquet";
import type { EdgeAccess } from "../source/edge-calls.ts";
import { type Ranges, urlRanges } from "../source/ranges.ts";
import { SourceError, type SourceErrorKind } from "../source/source.ts";
import { type IndexFile, type Listing, listFiles } from "./files.ts";
import { openTable, type TableFile } from "./parquet.ts";
import { daysOf, type Query, type Table } from "./query.ts";
import { TABLES } from "./scan.ts";
import {
  findGroup,
  findGroups,
  findPages,
  findSessions,
  type GroupFound,
  type GroupsFound,
  type PagesFound,
  type SessionsFound,
  type Tables,
  type Times,
} from "./search.ts";

export type Question =
  | { kind: "sessions"; rowsMax: number }
  | { kind: "groups"; groupsMax: number }
  | { kind: "group"; fingerprint: string }
  | { kind: "pages"; route: string | null; routesMax: number };

export interface SearchRequest {
  id: number;
  access: EdgeAccess;
  query: Query;
  times: Times;
  question: Question;
}

/** What was read for an answer so far. */
export interface Cost {
  bytes: number;
  requests: number;
  files: number;
}

export type Answer = SessionsFound | GroupsFound | GroupFound | PagesFound;

export type SearchReply =
  | { id: number; answer: Answer; cost: Cost }
  | { id: number; done: true; cost: Cost }
  | { id: number; error: string; kind: SourceErrorKind | null };

const TABLE_OF: Record<Question["kind"], Table> = {
  sessions: "sessions",
  groups: "errors",
  group: "errors",
  pages: "pages",
};

let running: AbortController | null = null;
/** Files never change: what was read of one holds as long as this worker. */
const footers = new Map<string, FileMetaData>();
const listings = new Map<string, Listing>();

addEventListener("message", async ({ data }: MessageEvent<SearchRequest>) => {
  running?.abort();
  const controller = new AbortController();
  running = controller;
  const { id } = data;
  try {
    await answer(data, controller.signal);
  } catch (error) {
    if (controller.signal.aborted) return;
    const kind = error instanceof SourceError ? error.kind : null;
    post({ id, error: error instanceof Error ? error.message : String(error), kind });
  }
});

async function answer(request: SearchRequest, signal: AbortSignal): Promise<void> {
  const { id, access, query, times, question } = request;
  const table = TABLE_OF[question.kind];
  const cost: Cost = { bytes: 0, requests: 0, files: 0 };
  const days = daysOf(times.fromMs, times.toMs);
  const listing = await listingOf(access, table, days, signal);
  const tables: Tables = {
    files: listing.files,
    bytesRead: () => cost.bytes,
    open: (file) => openFile(file, access, table, days, cost, signal),
  };
  for await (const found of ask(tables, query, times, question)) {
    signal.throwIfAborted();
    post({ id, answer: found, cost });
  }
  signal.throwIfAborted();
  post({ id, done: true, cost });
}

function ask(
  tables: Tables,
  query: Query,
  times: Times,
  question: Question,
): AsyncGenerator<Answer> {
  switch (question.kind) {
    case "sessions":
      return findSessions(tables, query, times, question.rowsMax);
    case "groups":
      return findGroups(tables, query, times, question.groupsMax);
    case "group":
      return findGroup(tables, query, times, question.fingerprint);
    case "pages":
      return findPages(tables, query, times, question.route, question.routesMax);
  }
}

async function listingOf(
  access: EdgeAccess,
  table: Table,
  days: { from: string; to: string },
  signal: AbortSignal,
  anew = false,
): Promise<Listing> {
  const name = [access.edge, access.project, table, days.from, days.to].join(" ");
  const known = listings.get(name);
  if (!anew && known !== undefined && Date.now() < known.listedMs + LISTING_FRESH_MS) return known;
  const listing = await listFiles(access, table, days, signal);
  listings.set(name, listing);
  return listing;
}

/** New rows are shown by a search that is made so long after the last. */
const LISTING_FRESH_MS = 20_000;

async function openFile(
  file: IndexFile,
  access: EdgeAccess,
  table: Table,
  days: { from: string; to: string },
  cost: Cost,
  signal: AbortSignal,
): Promise<TableFile> {
  cost.files++;
  let { url } = file;
  const plain = urlRanges(async (renew) => {
    if (renew) {
      const { files } = await listingOf(access, table, days, signal, true);
      url = files.find(({ key }) => key === file.key)?.url ?? url;
    }
    return url;
  }, file.key);
  const counted: Ranges = {
    async read(from, to) {
      cost.requests++;
      const body = await plain.read(from, to, signal);
      cost.bytes += body.byteLength;
      return body;
    },
  };
  return openTable(file.key, file.bytes, counted, TABLES[table].time, signal, footers);
}

function post(reply: SearchReply): void {
  postMessage(reply);
}
