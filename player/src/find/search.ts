/** The questions of the screens, answered step by step from the tables. */

import type { IndexFile } from "./files.ts";
import { greatestOf, type RowGroup, readColumns, scanTable, type TableFile } from "./parquet.ts";
import { type Condition, conditionsOf, type Query } from "./query.ts";
import { type Batch, type Opener, scanRows } from "./scan.ts";

/** A row of a table, by its columns. */
export type Row = Record<string, unknown>;

/** How far an answer has come. */
export interface Progress {
  /** Rows that count so far. */
  count: number;
  /** Whether that is all. */
  complete: boolean;
  /** Counts over time: beginning of each stretch, and how many began in it. */
  trend: Trend;
}

export interface Trend {
  stepMs: number;
  fromMs: number;
  counts: number[];
}

export interface Times {
  fromMs: number;
  toMs: number;
}

/** What a search reads from, and how much it may cost. */
export interface Tables {
  files: readonly IndexFile[];
  open: Opener;
  /** Bytes read so far. */
  bytesRead: () => number;
}

/** So much is read to count what is not shown. More is left to who asks for it. */
const COUNT_BYTES_MAX = 24 * 1024 * 1024;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function emptyTrend({ fromMs, toMs }: Times): Trend {
  const spanMs = toMs - fromMs;
  const stepMs = spanMs <= 2 * HOUR_MS ? 300_000 : spanMs <= 2 * DAY_MS ? HOUR_MS : DAY_MS;
  const start = Math.floor(fromMs / stepMs) * stepMs;
  return { stepMs, fromMs: start, counts: Array(Math.ceil((toMs - start) / stepMs)).fill(0) };
}

export function countIn(trend: Trend, atMs: number, count = 1): void {
  const at = Math.floor((atMs - trend.fromMs) / trend.stepMs);
  if (at >= 0 && at < trend.counts.length) trend.counts[at] = (trend.counts[at] ?? 0) + count;
}

/** A row that counts, of which only what decides is read. */
interface Hit {
  file: TableFile;
  row: number;
  atMs: number;
  sort: number;
}

const SESSION_COLUMNS = [
  "session",
  "started_ms",
  "duration_ms",
  "active_ms",
  "state",
  "users",
  "country",
  "browser",
  "os",
  "device",
  "release",
  "entry_url",
  "page_loads",
  "errors",
  "rage_clicks",
  "dead_clicks",
  "failed_requests",
  "missing_chunks",
  "pinned",
];

export interface SessionsFound extends Progress {
  rows: Row[];
  /** Whether there is at least one more. */
  more: boolean;
}

/**
 * Sessions that satisfy the query, the first `rowsMax` in its order. Answers as soon as these are certain, and then again with counts.
 *
 * @throws {SourceError}
 */
export async function* findSessions(
  tables: Tables,
  query: Query,
  times: Times,
  rowsMax: number,
): AsyncGenerator<SessionsFound> {
  const byTime = query.sort === "started_ms";
  const columns = byTime ? [] : [query.sort];
  const conditions = conditionsOf("sessions", query.filters);
  const trend = emptyTrend(times);
  let hits: Hit[] = [];
  let count = 0;
  let shown: Row[] = [];
  let settled = false;
  let told = 0;
  const plan = {
    table: "sessions" as const,
    ...times,
    conditions,
    columns,
    // A trend by hours needs each row's time. Where another column sorts, none of a row group's rows is shown if its greatest value is too small.
    countOnly: (file: TableFile, group: RowGroup) => {
      if (trend.stepMs !== DAY_MS) return false;
      if (byTime) return settled;
      const last = hits[rowsMax];
      return last !== undefined && greatestOf(file, group, query.sort) < last.sort;
    },
  };
  const details = rowReader(SESSION_COLUMNS);
  const answer = (complete: boolean): SessionsFound => ({
    rows: shown,
    more: hits.length > rowsMax || count > rowsMax,
    count,
    complete,
    trend,
  });
  for await (const batch of scanRows(tables.files, tables.open, plan)) {
    const { restBeforeMs } = batch;
    count += batch.count;
    if (batch.indexes.length === 0) countIn(trend, batch.dayMs, batch.count);
    for (const index of batch.indexes) {
      const hit = hitOf(batch, index, "started_ms", query.sort);
      countIn(trend, hit.atMs);
      hits.push(hit);
    }
    hits.sort((a, b) => b.sort - a.sort || b.atMs - a.atMs);
    hits = hits.slice(0, rowsMax + 1);
    const enough = hits.length > rowsMax && (hits[rowsMax - 1]?.atMs ?? 0) >= restBeforeMs;
    if (byTime && enough && !settled) {
      settled = true;
      shown = await details(hits.slice(0, rowsMax));
      yield answer(false);
    } else if (performance.now() - told > TELL_MS) {
      // In another order than that of time any row may still come first: what is shown meanwhile is read once.
      if (!settled && (byTime || shown.length === 0)) shown = await details(hits.slice(0, rowsMax));
      yield answer(false);
      told = performance.now();
    }
    if (settled && tables.bytesRead() > COUNT_BYTES_MAX) return;
  }
  if (!settled) shown = await details(hits.slice(0, rowsMax));
  yield answer(true);
}

const TELL_MS = 400;

function hitOf(batch: Batch, index: number, timeColumn: string, sortColumn: string): Hit {
  return {
    file: batch.file,
    row: batch.firstRow + index,
    atMs: Number(batch.columns[timeColumn]?.[index]),
    sort: Number(batch.columns[sortColumn]?.[index] ?? 0),
  };
}

/** Rows with `columns`, in the order of what is asked for. Each is read once, however often it is asked for. */
function rowReader(columns: readonly string[]): (hits: readonly Hit[]) => Promise<Row[]> {
  const known = new Map<string, Row>();
  const name = ({ file, row }: Hit) => `${file.key} ${row}`;
  return async (hits) => {
    const missing = hits.filter((hit) => !known.has(name(hit)));
    const read = await rowsOf(missing, columns);
    for (const [index, hit] of missing.entries()) known.set(name(hit), read[index] as Row);
    return hits.map((hit) => known.get(name(hit)) as Row);
  };
}

/** Rows that lie no further from each other are read together: about a page of a column. */
const NEAR_ROWS = 1_000;

/** `columns` of some rows, in their order. What lies near each other in a file is read together. */
async function rowsOf(hits: readonly Hit[], columns: readonly string[]): Promise<Row[]> {
  const rows = new Map<Hit, Row>();
  const files = [...new Set(hits.map(({ file }) => file))];
  await Promise.all(
    files.map(async (file) => {
      const scan = await scanTable(file, columns, []);
      const own = hits.filter((hit) => hit.file === file);
      await Promise.all(
        file.groups.map(async ({ fromRow, toRow }) => {
          const within = own.filter(({ row }) => row >= fromRow && row < toRow);
          await Promise.all(
            near(within).map(async (some) => {
              const start = some[0]?.row ?? fromRow;
              const end = (some.at(-1)?.row ?? fromRow) + 1;
              const read = await readColumns(file.key, scan, columns, start, end);
              for (const hit of some) {
                rows.set(
                  hit,
                  Object.fromEntries(
                    columns.map((column) => [column, plain(read[column]?.[hit.row - start])]),
                  ),
                );
              }
            }),
          );
        }),
      );
    }),
  );
  return hits.flatMap((hit) => {
    const row = rows.get(hit);
    return row === undefined ? [] : [row];
  });
}

/** Rows by where they lie: those of each part follow each other closely. */
function near(hits: readonly Hit[]): Hit[][] {
  const parts: Hit[][] = [];
  for (const hit of [...hits].sort((a, b) => a.row - b.row)) {
    const last = parts.at(-1);
    if (last !== undefined && hit.row - (last.at(-1)?.row ?? 0) < NEAR_ROWS) last.push(hit);
    else parts.push([hit]);
  }
  return parts;
}

/** Numbers of 64 bits in a table are counts and times: none is beyond what a number holds exactly. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  return value instanceof Date ? value.getTime() : value;
}

export interface ErrorGroup {
  fingerprint: string;
  count: number;
  users: number;
  sessions: number;
  first_ms: number;
  last_ms: number;
  counts: number[];
  /** Of its latest event. */
  latest: Row;
}

export interface GroupsFound extends Progress {
  groups: ErrorGroup[];
  /** Groups that are not among those shown. */
  omitted: number;
}

interface Gathered {
  count: number;
  users: Set<string>;
  sessions: Set<string>;
  firstMs: number;
  latest: Hit;
  counts: number[];
}

const ERROR_COLUMNS = [
  "type",
  "title",
  "message",
  "group",
  "handled",
  "source",
  "function",
  "line",
  "route",
  "noise",
];

/** Error groups that satisfy the query, the first `groupsMax` in its order. @throws {SourceError} */
export async function* findGroups(
  tables: Tables,
  query: Query,
  times: Times,
  groupsMax: number,
): AsyncGenerator<GroupsFound> {
  const trend = emptyTrend(times);
  const groups = new Map<string, Gathered>();
  const details = rowReader(ERROR_COLUMNS);
  let count = 0;
  let told = performance.now();
  const answer = async (complete: boolean): Promise<GroupsFound> => {
    const sorted = [...groups].sort(
      ([, a], [, b]) => groupSort(query.sort, b) - groupSort(query.sort, a),
    );
    const top = sorted.slice(0, groupsMax);
    const latest = await details(top.map(([, { latest }]) => latest));
    return {
      groups: top.map(([fingerprint, group], index) => ({
        fingerprint,
        count: group.count,
        users: group.users.size,
        sessions: group.sessions.size,
        first_ms: group.firstMs,
        last_ms: group.latest.atMs,
        counts: group.counts,
        latest: latest[index] ?? {},
      })),
      omitted: sorted.length - top.length,
      count,
      complete,
      trend,
    };
  };
  const plan = {
    table: "errors" as const,
    ...times,
    conditions: conditionsOf("errors", query.filters),
    columns: ["fingerprint", "session", "user", "noise"],
  };
  for await (const batch of scanRows(tables.files, tables.open, plan)) {
    const { fingerprint, session, user, noise } = batch.columns;
    for (const index of batch.indexes) {
      if (!query.noise && (noise?.[index] ?? null) !== null) continue;
      const hit = hitOf(batch, index, "at_ms", "at_ms");
      const name = String(fingerprint?.[index]);
      let group = groups.get(name);
      if (group === undefined) {
        const counts = trend.counts.map(() => 0);
        group = {
          count: 0,
          users: new Set(),
          sessions: new Set(),
          firstMs: hit.atMs,
          latest: hit,
          counts,
        };
        groups.set(name, group);
      }
      count++;
      group.count++;
      group.sessions.add(String(session?.[index]));
      if (typeof user?.[index] === "string") group.users.add(user[index]);
      group.firstMs = Math.min(group.firstMs, hit.atMs);
      if (hit.atMs > group.latest.atMs) group.latest = hit;
      countIn(trend, hit.atMs);
      countIn({ ...trend, counts: group.counts }, hit.atMs);
    }
    if (performance.now() - told > TELL_MS) {
      yield await answer(false);
      told = performance.now();
    }
  }
  yield await answer(true);
}

function groupSort(sort: string, group: Gathered): number {
  if (sort === "users") return group.users.size;
  if (sort === "last_ms") return group.latest.atMs;
  return sort === "first_ms" ? group.firstMs : group.count;
}

/** How often each value of a column came, the most frequent first. */
export type Shares = { value: string; count: number }[];

export interface GroupFound extends Progress {
  users: number;
  sessions: number;
  first_ms: number | null;
  last_ms: number | null;
  shares: Record<(typeof SHARED)[number], Shares>;
  /** The latest events, one a session: what to watch. */
  latest: Row[];
}

const SHARED = ["release", "browser", "os", "device", "country", "route"] as const;
const SHARES_MAX = 8;
const LATEST_MAX = 50;
const EVENT_COLUMNS = [
  ...ERROR_COLUMNS,
  "session",
  "at_ms",
  "user",
  "country",
  "browser",
  "os",
  "device",
  "release",
  "url",
  "fingerprint",
];

/** One error group: all of its events. @throws {SourceError} */
export async function* findGroup(
  tables: Tables,
  query: Query,
  times: Times,
  fingerprint: string,
): AsyncGenerator<GroupFound> {
  const details = rowReader(EVENT_COLUMNS);
  const trend = emptyTrend(times);
  const [users, sessions] = [new Set<string>(), new Map<string, Hit>()];
  const shares = Object.fromEntries(SHARED.map((column) => [column, new Map<string, number>()]));
  let count = 0;
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let told = performance.now();
  const answer = async (complete: boolean): Promise<GroupFound> => {
    const latest = [...sessions.values()].sort((a, b) => b.atMs - a.atMs).slice(0, LATEST_MAX);
    return {
      count,
      complete,
      trend,
      users: users.size,
      sessions: sessions.size,
      first_ms: count === 0 ? null : first,
      last_ms: count === 0 ? null : last,
      shares: Object.fromEntries(
        SHARED.map((column) => [column, sharesOf(shares[column] as Map<string, number>)]),
      ) as GroupFound["shares"],
      latest: await details(latest),
    };
  };
  const isIt: Condition = { column: "fingerprint", match: "is", values: [fingerprint] };
  const plan = {
    table: "errors" as const,
    ...times,
    conditions: [isIt, ...conditionsOf("errors", query.filters)],
    columns: ["session", "user", ...SHARED],
  };
  for await (const batch of scanRows(tables.files, tables.open, plan)) {
    for (const index of batch.indexes) {
      const hit = hitOf(batch, index, "at_ms", "at_ms");
      count++;
      [first, last] = [Math.min(first, hit.atMs), Math.max(last, hit.atMs)];
      countIn(trend, hit.atMs);
      const session = String(batch.columns.session?.[index]);
      if ((sessions.get(session)?.atMs ?? 0) < hit.atMs) sessions.set(session, hit);
      const user = batch.columns.user?.[index];
      if (typeof user === "string") users.add(user);
      for (const column of SHARED) {
        const value = String(batch.columns[column]?.[index] ?? "unknown");
        shares[column]?.set(value, (shares[column]?.get(value) ?? 0) + 1);
      }
    }
    if (performance.now() - told > TELL_MS) {
      yield await answer(false);
      told = performance.now();
    }
  }
  yield await answer(true);
}

function sharesOf(counts: Map<string, number>): Shares {
  const sorted = [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count);
  const rest = sorted.slice(SHARES_MAX).reduce((sum, { count }) => sum + count, 0);
  return [
    ...sorted.slice(0, SHARES_MAX),
    ...(rest === 0 ? [] : [{ value: "others", count: rest }]),
  ];
}

export const VITALS = ["lcp_ms", "inp_ms", "cls", "fcp_ms", "ttfb_ms"] as const;
export type Vital = (typeof VITALS)[number];

/** Page loads that have something in common: a route, or a device or country of one. */
export interface PageGroup {
  name: string;
  loads: number;
  errors: number;
  rage_clicks: number;
  dead_clicks: number;
  /** The 75th percentile; null where it was never measured. */
  p75: Record<Vital, number | null>;
}

export interface PagesFound extends Progress {
  routes: PageGroup[];
  omitted: number;
  /** Of the route that was asked for. */
  devices: PageGroup[];
  countries: PageGroup[];
}

interface PageCounts {
  loads: number;
  errors: number;
  rage_clicks: number;
  dead_clicks: number;
  vitals: Record<Vital, number[]>;
}

/** Routes that satisfy the query, and of `route`, if it is given, its devices and countries. @throws {SourceError} */
export async function* findPages(
  tables: Tables,
  query: Query,
  times: Times,
  route: string | null,
  routesMax: number,
): AsyncGenerator<PagesFound> {
  const trend = emptyTrend(times);
  const [routes, devices, countries] = [new Map(), new Map(), new Map()] as Map<
    string,
    PageCounts
  >[];
  let count = 0;
  let told = performance.now();
  const answer = (complete: boolean): PagesFound => {
    const all = groupsOf(routes as Map<string, PageCounts>, query.sort);
    return {
      count,
      complete,
      trend,
      routes: all.slice(0, routesMax),
      omitted: Math.max(0, all.length - routesMax),
      devices: groupsOf(devices as Map<string, PageCounts>, "loads"),
      countries: groupsOf(countries as Map<string, PageCounts>, "loads").slice(0, 20),
    };
  };
  const counts = ["errors", "rage_clicks", "dead_clicks"] as const;
  const only: Condition[] =
    route === null ? [] : [{ column: "route", match: "is", values: [route] }];
  const plan = {
    table: "pages" as const,
    ...times,
    conditions: [...only, ...conditionsOf("pages", query.filters)],
    columns: ["route", "device", "country", ...VITALS, ...counts],
  };
  for await (const { indexes, columns } of scanRows(tables.files, tables.open, plan)) {
    for (const index of indexes) {
      count++;
      countIn(trend, Number(columns.first_ms?.[index]));
      const add = (groups: Map<string, PageCounts> | undefined, value: unknown) => {
        const name = typeof value === "string" ? value : "unknown";
        let group = groups?.get(name);
        if (group === undefined) {
          group = { loads: 0, errors: 0, rage_clicks: 0, dead_clicks: 0, vitals: emptyVitals() };
          groups?.set(name, group);
        }
        group.loads++;
        for (const column of counts) group[column] += Number(columns[column]?.[index] ?? 0);
        for (const vital of VITALS) {
          const measured = columns[vital]?.[index];
          if (typeof measured === "number") group.vitals[vital].push(measured);
        }
      };
      add(routes, columns.route?.[index]);
      if (route === null) continue;
      add(devices, columns.device?.[index]);
      add(countries, columns.country?.[index]);
    }
    if (performance.now() - told > TELL_MS) {
      yield answer(false);
      told = performance.now();
    }
  }
  yield answer(true);
}

function emptyVitals(): Record<Vital, number[]> {
  return { lcp_ms: [], inp_ms: [], cls: [], fcp_ms: [], ttfb_ms: [] };
}

function groupsOf(groups: Map<string, PageCounts>, sort: string): PageGroup[] {
  const list = [...groups].map(
    ([name, { vitals, ...counts }]): PageGroup => ({
      name,
      ...counts,
      p75: Object.fromEntries(
        VITALS.map((vital) => [vital, p75(vitals[vital])]),
      ) as PageGroup["p75"],
    }),
  );
  const by = (group: PageGroup): number =>
    sort in group.p75 ? (group.p75[sort as Vital] ?? -1) : Number(group[sort as "loads"] ?? 0);
  return list.sort((a, b) => by(b) - by(a) || b.loads - a.loads);
}

/** The 75th percentile: the least value that three quarters do not exceed. Null of nothing. */
export function p75(values: number[]): number | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.ceil(sorted.length * 0.75) - 1] ?? null;
}
