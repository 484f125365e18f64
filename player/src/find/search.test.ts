import { createHash } from "node:crypto";
import type { FileMetaData } from "hyparquet";
import { describe, expect, it } from "vitest";
import {
  dayOf,
  madeUpTables,
  type StoredTable,
  storedTable,
  type TableRow,
} from "../../test/tables.ts";
import { openTable } from "./parquet.ts";
import { encodeQuery, parseQuery, type Query } from "./query.ts";
import { TABLES } from "./scan.ts";
import {
  findGroup,
  findGroups,
  findPages,
  findSessions,
  p75,
  type SessionsFound,
  type Tables,
} from "./search.ts";

const NOW_MS = Date.parse("2026-11-20T15:30:00Z");
const TIMES = { fromMs: NOW_MS - 7 * 86_400_000, toMs: NOW_MS };

function tablesOf(
  stored: readonly StoredTable[],
): Tables & { reads: () => number; bytesOf: (key: string) => number } {
  let [bytes, reads] = [0, 0];
  const ofFiles = new Map<string, number>();
  const bodies = new Map(stored.map(({ key, body }) => [key, body]));
  const known = new Map<string, FileMetaData>();
  return {
    files: stored.map(({ key, day, table, body }) => ({
      key,
      day,
      table,
      bytes: body.length,
      url: "",
    })),
    bytesRead: () => bytes,
    reads: () => reads,
    bytesOf: (key) => ofFiles.get(key) ?? 0,
    open: ({ key, bytes: length, table }) =>
      openTable(
        key,
        length,
        {
          async read(from, to) {
            reads++;
            const part = (bodies.get(key) as Uint8Array).slice(from, to);
            bytes += part.length;
            ofFiles.set(key, (ofFiles.get(key) ?? 0) + part.length);
            return part.buffer as ArrayBuffer;
          },
        },
        TABLES[table].time,
        new AbortController().signal,
        known,
      ),
  };
}

function ofTable(stored: readonly StoredTable[], table: string): StoredTable[] {
  return stored.filter((file) => file.table === table);
}

async function last<T>(answers: AsyncGenerator<T>): Promise<T> {
  let found: T | undefined;
  for await (const answer of answers) found = structuredClone(answer);
  return found as T;
}

const sessionsOf = (stored: StoredTable[], text: string, rowsMax = 50): Promise<SessionsFound> =>
  last(
    findSessions(
      tablesOf(ofTable(stored, "sessions")),
      parseQuery("sessions", text),
      TIMES,
      rowsMax,
    ),
  );

const stored = madeUpTables("shop", { untilMs: NOW_MS, days: 9, perDay: 400 });

describe("sessions", () => {
  it("come newest first, each once, and are counted", async () => {
    const found = await sessionsOf(stored, "");
    const times = found.rows.map((row) => Number(row.started_ms));
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(found.rows).toHaveLength(50);
    expect(found).toMatchObject({ more: true, complete: true });
    expect(found.trend.counts.reduce((a, b) => a + b, 0)).toBe(found.count);
    expect(found.count).toBeGreaterThan(2_700);
  });

  it("are shown before all is read", async () => {
    const tables = tablesOf(ofTable(stored, "sessions"));
    const answers = findSessions(tables, parseQuery("sessions", "country=DE"), TIMES, 20);
    const { value } = await answers.next();
    expect((value as SessionsFound).rows).toHaveLength(20);
    const first = tables.bytesRead();
    for await (const _ of answers);
    expect(tables.bytesRead()).toBeGreaterThan(first * 2);
  });

  it.each([
    [
      "user=u_17&user=u_42",
      (row: TableRow) => (row.users as string[]).some((user) => ["u_17", "u_42"].includes(user)),
    ],
    [
      "country=JP&device=mobile",
      (row: TableRow) => row.country === "JP" && row.device === "mobile",
    ],
    ["url=checkout", (row: TableRow) => row.entry_url !== undefined],
    [
      "rage=1&dead=1",
      (row: TableRow) => Number(row.rage_clicks) > 0 && Number(row.dead_clicks) > 0,
    ],
    ["longer=1800", (row: TableRow) => Number(row.duration_ms) >= 1_800_000],
    ["group=v1:22aa11bb22cc33dd", (row: TableRow) => Number(row.errors) > 0],
    ["event=Added to cart&segment=beta", () => true],
    [
      "release=shop@1.5.0&browser=Firefox&os=Linux&state=ended",
      (row: TableRow) => row.release === "shop@1.5.0" && row.os === "Linux",
    ],
  ])("are found by %s", async (text, satisfied) => {
    const found = await sessionsOf(stored, new URLSearchParams(text).toString());
    expect(found.count).toBeGreaterThan(0);
    expect(found.count).toBeLessThan(2_800);
    expect(found.rows.every(satisfied)).toBe(true);
  });

  it("are sorted by what is asked for", async () => {
    const found = await sessionsOf(stored, "sort=duration_ms", 10);
    const durations = found.rows.map((row) => Number(row.duration_ms));
    expect(durations).toEqual([...durations].sort((a, b) => b - a));
    expect(found.complete).toBe(true);
  });

  it("that none of the first can be are counted, and not read", async () => {
    const ofDay = (daysAgo: number, longestMs: number) => {
      const startedMs = NOW_MS - daysAgo * 86_400_000;
      const rows = Array.from({ length: 8_000 }, (_, n) => ({
        session: createHash("sha256").update(`${daysAgo} ${n}`).digest("hex").slice(0, 32),
        started_ms: startedMs - n,
        duration_ms: longestMs - n,
        entry_url: `https://shop.example/${n}`,
        core: 1,
        config: 1,
        chunks: 1,
      }));
      return storedTable("shop", "sessions", dayOf(startedMs), rows, "l1");
    };
    const [newer, older] = [ofDay(1, 1_000_000), ofDay(3, 900_000)];
    const tables = tablesOf([newer, older]);
    const query = parseQuery("sessions", "sort=duration_ms");
    const found = await last(findSessions(tables, query, TIMES, 50));
    expect(found).toMatchObject({ count: 16_000, complete: true });
    expect(found.rows[49]).toMatchObject({ duration_ms: 999_951 });
    expect(found.rows[49]?.entry_url).toBe("https://shop.example/49");
    expect(tables.bytesOf(older.key)).toBeLessThan(older.body.length / 4);
    // The other way round it has to be.
    const oldest = ofDay(5, 2_000_000);
    const all = tablesOf([newer, oldest]);
    const longest = await last(findSessions(all, query, TIMES, 50));
    expect(longest.rows[0]).toMatchObject({ duration_ms: 2_000_000 });
  });

  it("count once with their latest revision, in whichever file it lies", async () => {
    const startedMs = NOW_MS - 3_600_000;
    const row = (revision: number, fields: TableRow) => ({
      session: "a".repeat(32),
      started_ms: startedMs,
      core: 1,
      config: 1,
      chunks: revision,
      ...fields,
    });
    const day = dayOf(startedMs);
    const files = [
      storedTable("shop", "sessions", day, [row(1, { state: "open", country: "DE" })], "l0"),
      storedTable("shop", "sessions", day, [row(7, { state: "ended", country: "DE" })], "l0"),
      storedTable("shop", "sessions", day, [row(3, { state: "open", country: "DE" })], "l1"),
    ];
    expect(await sessionsOf(files, "")).toMatchObject({ count: 1, rows: [{ state: "ended" }] });
    // What it was before is not found any more.
    expect(await sessionsOf(files, "state=open")).toMatchObject({ count: 0, rows: [] });
  });

  it("have ended once a row says so, though all their chunks came at once", async () => {
    const startedMs = NOW_MS - 3_600_000;
    const row = (session: string, fields: TableRow) => ({
      session: session.repeat(32),
      started_ms: startedMs,
      core: 1,
      config: 1,
      chunks: 1,
      ...fields,
    });
    const files = [
      [row("a", { state: "open" }), row("b", { state: "ended", pinned: false })],
      [row("a", { state: "ended" }), row("b", { state: "ended", pinned: true })],
    ].map((rows) => storedTable("shop", "sessions", dayOf(startedMs), rows, "l0"));
    for (const inTurn of [files, [...files].reverse()]) {
      expect(await sessionsOf(inTurn, "state=open")).toMatchObject({ count: 0 });
      expect(await sessionsOf(inTurn, "state=ended")).toMatchObject({ count: 2 });
      expect(await sessionsOf(inTurn, "pinned=1")).toMatchObject({ count: 1 });
    }
  });

  it("of nobody are nothing", async () => {
    expect(await sessionsOf(stored, "user=nobody")).toMatchObject({
      count: 0,
      rows: [],
      complete: true,
    });
    expect(await sessionsOf([], "")).toMatchObject({ count: 0, rows: [], complete: true });
  });
});

describe("errors", () => {
  const errors = ofTable(stored, "errors");
  const groups = (text: string) =>
    last(findGroups(tablesOf(errors), parseQuery("errors", text), TIMES, 50));

  it("are grouped, without noise unless it is asked for", async () => {
    const found = await groups("");
    expect(found.groups.map(({ fingerprint }) => fingerprint)).toHaveLength(3);
    expect(found.groups.reduce((sum, { count }) => sum + count, 0)).toBe(found.count);
    const counts = found.groups.map(({ count }) => count);
    expect(counts).toEqual([...counts].sort((a, b) => b - a));
    expect(found.groups.every(({ latest }) => typeof latest.title === "string")).toBe(true);
    expect((await groups("noise=1")).groups).toHaveLength(4);
  });

  it("of one group tell whom they hit and where to watch", async () => {
    const query = parseQuery("errors", "");
    const fingerprint = "v1:11aa11bb22cc33dd";
    const found = await last(findGroup(tablesOf(errors), query, TIMES, fingerprint));
    const group = (await groups("")).groups.find((group) => group.fingerprint === fingerprint);
    expect(found).toMatchObject({
      count: group?.count,
      users: group?.users,
      sessions: group?.sessions,
    });
    expect(found.shares.release.reduce((sum, { count }) => sum + count, 0)).toBe(found.count);
    expect(found.latest.length).toBe(Math.min(50, found.sessions));
    expect(found.latest.every((row) => row.fingerprint === fingerprint)).toBe(true);
  });
});

describe("pages", () => {
  it("tell the 75th percentile of their vitals, by device and country", async () => {
    const tables = tablesOf(ofTable(stored, "pages"));
    const found = await last(findPages(tables, parseQuery("pages", ""), TIMES, "/cart", 50));
    expect(found.routes.map(({ name }) => name)).toEqual(["/cart"]);
    const [mobile, desktop] = ["mobile", "desktop"].map((name) =>
      found.devices.find((group) => group.name === name),
    );
    expect(Number(mobile?.p75.lcp_ms)).toBeGreaterThan(Number(desktop?.p75.lcp_ms) * 1.5);
    expect(found.countries.length).toBeGreaterThan(3);
    expect(found.devices.reduce((sum, { loads }) => sum + loads, 0)).toBe(found.count);
  });

  it.each([
    [[], null],
    [[5], 5],
    [[1, 2, 3, 4], 3],
    [[4, 3, 2, 1, 100], 4],
  ])("p75 of %j is %j", (values, expected) => expect(p75(values)).toBe(expected));
});

describe("a query", () => {
  it.each([
    "",
    "hours=24",
    "from=2026-11-01&to=2026-11-05",
    "user=a%26b&user=c&country=DE&sort=errors",
    "longer=60&noise=1",
  ])("in an address: %s", (text) => {
    const query: Query = parseQuery("sessions", text);
    expect(encodeQuery("sessions", query)).toBe(text);
    expect(parseQuery("sessions", encodeQuery("sessions", query))).toEqual(query);
  });

  it("leaves out what it does not know", () => {
    expect(parseQuery("sessions", "hours=5&sort=evil&from=x&to=y&unknown=1")).toEqual(
      parseQuery("sessions", ""),
    );
  });
});
