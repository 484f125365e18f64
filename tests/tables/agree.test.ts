// The tables' files, read by DuckDB and by hyparquet, hold what a scan of the events finds (spec/tables.md).

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { zstdDecompressSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { parquetReadObjects } from "hyparquet";
import { beforeAll, describe, expect, it } from "vitest";

const INDEX = fileURLToPath(new URL("../fixtures/index", import.meta.url));

type Row = Record<string, unknown>;
interface Event {
  type: number;
  timestamp: number;
  data: { tag?: string; payload?: Record<string, unknown>; source?: number; type?: number };
}
interface Session {
  session: string;
  events: Event[];
}

const sessions: Session[] = readFileSync(`${INDEX}/sessions.ndjson`, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

/** What both readers and the scan say of a value: times as numbers, lists as arrays of texts. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Date) return value.getTime();
  if (typeof value === "object") {
    if ("micros" in value) return Number((value as { micros: bigint }).micros / 1000n);
    if ("millis" in value) return Number((value as { millis: bigint }).millis);
    if ("items" in value) return (value as { items: unknown[] }).items.map(plain);
    if (Array.isArray(value)) return value.map(plain);
  }
  return value;
}

function sorted(rows: Row[]): Row[] {
  const plainRows = rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])),
  );
  const key = ({ session, page, seq, event }: Row) => [session, page, seq, event].join("/");
  return plainRows.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

async function byDuckDb(table: string): Promise<Row[]> {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const files = `${INDEX}/demo/${table}/*/*/*.parquet`;
  const reader = await connection.runAndReadAll(
    `select * from read_parquet('${files}', hive_partitioning = false)`,
  );
  const rows = reader.getRowObjects() as Row[];
  connection.closeSync();
  return sorted(rows);
}

async function byHyparquet(table: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const file of readdirSync(`${INDEX}/demo/${table}`, { recursive: true }) as string[]) {
    if (!file.endsWith(".parquet")) continue;
    const bytes = readFileSync(`${INDEX}/demo/${table}/${file}`);
    rows.push(
      ...(await parquetReadObjects({
        file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
        compressors: { ZSTD: (input) => zstdDecompressSync(input) },
      })),
    );
  }
  return sorted(rows);
}

/** Payloads of one kind of our own events, with their times. */
function custom(session: Session, tag: string): (Record<string, unknown> & { at_ms: number })[] {
  return session.events
    .filter(({ data }) => data.tag === `tapedeck.${tag}`)
    .map(({ timestamp, data }) => ({ ...data.payload, at_ms: timestamp }));
}

function clicksOf({ events }: Session): number[] {
  return events
    .filter(({ type, data }) => type === 3 && data.source === 2 && data.type === 2)
    .map(({ timestamp }) => timestamp);
}

/** Every click of the fixture is in one place: a burst is a row of three and more within a second each. */
function burstsOf(session: Session): number {
  const times = clicksOf(session);
  const raging = times.map((_, i) =>
    [0, 1, 2].some((k) => {
      const [first, last] = [times[i - k], times[i - k + 2]];
      return first !== undefined && last !== undefined && last - first <= 1000;
    }),
  );
  return raging.filter((is, i) => is && !raging[i - 1]).length;
}

describe.each(["sessions", "errors", "pages"])("%s", (table) => {
  let rows: Row[];
  beforeAll(async () => {
    rows = await byHyparquet(table);
  });

  it("is the same to DuckDB and to hyparquet", async () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(await byDuckDb(table)).toEqual(rows);
  });
});

it("sessions are what a scan of their events finds", async () => {
  const found = (await byHyparquet("sessions")).map((row) => ({
    session: row.session,
    started_ms: row.started_ms,
    ended_ms: row.ended_ms,
    users: row.users,
    release: row.release,
    language: row.language,
    entry_url: row.entry_url,
    custom_events: row.custom_events,
    events: row.events,
    errors: row.errors,
    clicks: row.clicks,
    rage_clicks: row.rage_clicks,
    dead_clicks: row.dead_clicks,
  }));
  const scanned = sessions.map((session) => {
    const [opening] = custom(session, "session");
    if (!opening) throw new Error("a session without its first event");
    const { languages } = opening.browser as { languages: string[] };
    const times = session.events.map(({ timestamp }) => timestamp);
    return {
      session: session.session,
      started_ms: Math.min(...times),
      ended_ms: Math.max(...times) + 1,
      users: custom(session, "identify").map(({ user }) => user),
      release: opening.release,
      language: languages[0],
      entry_url: opening.url,
      custom_events: custom(session, "custom").map(({ name }) => name),
      events: session.events.length,
      errors: custom(session, "error").length,
      clicks: clicksOf(session).length,
      rage_clicks: burstsOf(session),
      dead_clicks: custom(session, "click").length,
    };
  });
  expect(found).toEqual(sorted(scanned));
});

it("errors are what a scan of the events finds", async () => {
  const rows = await byHyparquet("errors");
  const found = rows.map(({ session, at_ms, type, message, url, user, handled }) =>
    JSON.stringify([session, at_ms, type, message, url, user, handled]),
  );
  const scanned = sessions.flatMap((session) =>
    custom(session, "error").map(({ at_ms, type, message, handled }) =>
      JSON.stringify([
        session.session,
        at_ms,
        type,
        message,
        custom(session, "session")[0]?.url,
        custom(session, "identify")[0]?.user ?? null,
        handled,
      ]),
    ),
  );
  expect(found.sort()).toEqual(scanned.sort());
  // Alike errors of all releases are one group.
  const groups = new Map<unknown, Set<unknown>>();
  for (const { message, fingerprint } of rows)
    groups.set(message, (groups.get(message) ?? new Set()).add(fingerprint));
  expect([...groups.values()].map(({ size }) => size)).toEqual([...groups].map(() => 1));
});

it("pages have what was measured of them", async () => {
  const found = (await byHyparquet("pages")).map(({ session, lcp_ms, cls }) => [
    session,
    lcp_ms,
    cls,
  ]);
  const scanned = sessions.map((session) => {
    const value = (name: string) =>
      custom(session, "vital").find((vital) => vital.name === name)?.value;
    return [session.session, value("LCP"), value("CLS")];
  });
  expect(found).toEqual(scanned.sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)));
});
