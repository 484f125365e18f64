/** Tables of a project as the indexer writes them (spec/tables.md), for tests. */

import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import type { SchemaElement } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { Table } from "../src/find/query.ts";

export interface StoredTable {
  table: Table;
  day: string;
  level: "l0" | "l1";
  key: string;
  body: Uint8Array<ArrayBuffer>;
}

type Kind = "text" | "list" | "time" | "int32" | "int64" | "double" | "bool";

const COMMON: Record<string, Kind> = {
  session: "text",
  started_ms: "time",
  core: "int32",
  config: "int64",
  chunks: "int32",
  users: "list",
  release: "text",
  environment: "text",
  country: "text",
  browser: "text",
  browser_version: "text",
  os: "text",
  device: "text",
  segments: "list",
};

const COLUMNS: Record<Table, Record<string, Kind>> = {
  sessions: {
    ...COMMON,
    state: "text",
    ended_ms: "time",
    duration_ms: "int64",
    active_ms: "int64",
    language: "text",
    time_zone: "text",
    viewport_width: "int32",
    viewport_height: "int32",
    reason: "text",
    entry_url: "text",
    exit_url: "text",
    urls: "list",
    referrer: "text",
    fingerprints: "list",
    custom_events: "list",
    page_loads: "int32",
    tabs: "int32",
    events: "int32",
    errors: "int32",
    console_errors: "int32",
    requests: "int32",
    failed_requests: "int32",
    clicks: "int32",
    rage_clicks: "int32",
    dead_clicks: "int32",
    inputs: "int32",
    long_tasks: "int32",
    missing_chunks: "int32",
    bytes: "int64",
    inflated_bytes: "int64",
    pinned: "bool",
  },
  errors: {
    ...COMMON,
    page: "text",
    seq: "int32",
    hash: "text",
    event: "int32",
    at_ms: "time",
    fingerprint: "text",
    group: "text",
    type: "text",
    message: "text",
    title: "text",
    handled: "bool",
    in_app: "bool",
    mechanism: "text",
    source: "text",
    function: "text",
    line: "int32",
    column: "int32",
    url: "text",
    route: "text",
    user: "text",
    noise: "text",
    trace: "text",
  },
  pages: {
    ...COMMON,
    page: "text",
    tab: "text",
    first_ms: "time",
    last_ms: "time",
    url: "text",
    route: "text",
    title: "text",
    referrer: "text",
    lcp_ms: "double",
    inp_ms: "double",
    fcp_ms: "double",
    ttfb_ms: "double",
    cls: "double",
    errors: "int32",
    requests: "int32",
    failed_requests: "int32",
    clicks: "int32",
    rage_clicks: "int32",
    dead_clicks: "int32",
    inputs: "int32",
    long_tasks: "int32",
  },
};

const ORDER: Record<Table, [string, string]> = {
  sessions: ["started_ms", "session"],
  errors: ["fingerprint", "at_ms"],
  pages: ["route", "first_ms"],
};
const INDEXED = ["started_ms", "at_ms", "first_ms", "session", "fingerprint"];
const BLOOMED = ["session", "fingerprint", "users"];

export type TableRow = Record<string, unknown>;

/** One file of `rows`, in the table's order; a column that a row does not have is null, empty or 0. */
export function storedTable(
  project: string,
  table: Table,
  day: string,
  rows: readonly TableRow[],
  level: "l0" | "l1" = "l1",
): StoredTable {
  const [first, second] = ORDER[table];
  const sorted = [...rows].sort(
    (a, b) => compare(a[first], b[first]) || compare(a[second], b[second]),
  );
  const columns = Object.entries(COLUMNS[table]);
  const buffer = parquetWriteBuffer({
    codec: "ZSTD",
    compressors: {
      ZSTD: (input) =>
        zstdCompressSync(input, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
    },
    rowGroupSize: 10_000,
    statisticsTruncateLength: Number.POSITIVE_INFINITY,
    schema: [
      { name: "root", num_children: columns.length },
      ...columns.flatMap(([name, kind]) => schemaOf(name, kind)),
    ],
    columnData: columns.map(([name, kind]) => ({
      name,
      data: sorted.map((row) => cellOf(kind, row[name])),
      columnIndex: INDEXED.includes(name),
      ...(level === "l1" && BLOOMED.includes(name) ? { bloomFilter: true } : {}),
    })),
    kvMetadata: [{ key: "tapedeck.version", value: "1" }],
  });
  const body = new Uint8Array(buffer);
  const id = createHash("sha256").update(body).digest("hex").slice(0, 16);
  return {
    table,
    day,
    level,
    key: `index/${project}/${table}/dt=${day}/${level}/${id}.parquet`,
    body,
  };
}

function schemaOf(name: string, kind: Kind): SchemaElement[] {
  const repetition_type = "OPTIONAL";
  switch (kind) {
    case "text":
      return [{ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type }];
    case "list":
      return [
        { name, repetition_type, converted_type: "LIST", num_children: 1 },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type },
      ];
    case "time":
      return [{ name, type: "INT64", converted_type: "TIMESTAMP_MILLIS", repetition_type }];
    case "int32":
      return [{ name, type: "INT32", repetition_type }];
    case "int64":
      return [{ name, type: "INT64", repetition_type }];
    case "double":
      return [{ name, type: "DOUBLE", repetition_type }];
    case "bool":
      return [{ name, type: "BOOLEAN", repetition_type }];
  }
}

function cellOf(kind: Kind, value: unknown): unknown {
  if (kind === "list") return value ?? [];
  if (kind === "text" || kind === "double") return value ?? null;
  if (kind === "bool") return value ?? false;
  if (kind === "int32") return value ?? 0;
  return BigInt((value as number | undefined) ?? 0);
}

function compare(a: unknown, b: unknown): number {
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

const DAY_MS = 86_400_000;
export const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** A generator of numbers that look like chance and are always the same. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const pick = <T>(random: () => number, values: readonly T[]): T =>
  values[Math.floor(random() * values.length)] as T;
const ROUTES = ["/", "/products", "/products/:id", "/cart", "/checkout", "/orders/:id", "/account"];
const ERRORS = [
  {
    fingerprint: "v1:00aa11bb22cc33dd",
    type: "TypeError",
    title: "x is undefined",
    source: "/assets/cart.js",
    function: "total",
  },
  {
    fingerprint: "v1:11aa11bb22cc33dd",
    type: "RangeError",
    title: "Invalid array length",
    source: "/assets/list.js",
    function: "grow",
  },
  {
    fingerprint: "v1:22aa11bb22cc33dd",
    type: "Error",
    title: "Payment was declined",
    source: "/assets/pay.js",
    function: "charge",
    group: "Payments",
  },
  {
    fingerprint: "v1:33aa11bb22cc33dd",
    type: "ResizeObserver",
    title: "loop completed with undelivered notifications",
    noise: "known",
  },
];

/** Sessions of a shop, with their errors and page loads: `perDay` a day, for `days` days up to `untilMs`. */
export function madeUpTables(
  project: string,
  {
    untilMs,
    days,
    perDay,
    seed = 1,
  }: { untilMs: number; days: number; perDay: number; seed?: number },
): StoredTable[] {
  const random = chance(seed);
  const files: StoredTable[] = [];
  for (let day = 0; day < days; day++) {
    const dayStart = Math.floor(untilMs / DAY_MS - day) * DAY_MS;
    const lengthMs = day === 0 ? untilMs - dayStart : DAY_MS;
    const [sessions, errors, pages]: TableRow[][] = [[], [], []];
    for (let i = 0; i < perDay; i++) {
      const startedMs = Math.floor(dayStart + random() * lengthMs);
      const made = madeUpSession(random, startedMs);
      sessions?.push(made.session);
      errors?.push(...made.errors);
      pages?.push(...made.pages);
    }
    const name = dayOf(dayStart);
    files.push(storedTable(project, "sessions", name, sessions ?? []));
    if (errors?.length) files.push(storedTable(project, "errors", name, errors));
    files.push(storedTable(project, "pages", name, pages ?? []));
  }
  return files;
}

export function madeUpSession(
  random: () => number,
  startedMs: number,
): { session: TableRow; errors: TableRow[]; pages: TableRow[] } {
  const hexOf = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
  const session =
    Math.floor(startedMs / 1000)
      .toString(16)
      .padStart(8, "0") + hexOf(24);
  const durationMs = Math.floor(5_000 + random() ** 3 * 3_000_000);
  const device = pick(random, ["desktop", "desktop", "desktop", "mobile", "mobile", "tablet"]);
  const slow = device === "mobile" ? 2.2 : 1;
  const common = {
    session,
    started_ms: startedMs,
    core: 1,
    config: 1,
    chunks: 1 + Math.floor(durationMs / 60_000),
    users: random() < 0.6 ? [`u_${Math.floor(random() * 5_000)}`] : [],
    release: pick(random, ["shop@1.4.2", "shop@1.4.2", "shop@1.4.1", "shop@1.5.0"]),
    environment: "production",
    country: pick(random, ["DE", "DE", "FR", "US", "US", "GB", "JP"]),
    browser:
      device === "desktop"
        ? pick(random, ["Chrome", "Firefox", "Edge"])
        : pick(random, ["Safari", "Chrome"]),
    browser_version: "156",
    os:
      device === "desktop"
        ? pick(random, ["Windows", "macOS", "Linux"])
        : pick(random, ["iOS", "Android"]),
    device,
    segments: random() < 0.1 ? ["beta"] : [],
  };
  const loads = 1 + Math.floor(random() * 4);
  const routes = Array.from({ length: loads }, () => pick(random, ROUTES));
  const errors: TableRow[] = [];
  const rage = random() < 0.06 ? 1 + Math.floor(random() * 3) : 0;
  const dead = random() < 0.1 ? 1 : 0;
  const count = random() < 0.12 ? 1 + Math.floor(random() * 3) : 0;
  const pageIds = routes.map((_, index) => `${hexOf(7)}${index}`);
  for (let event = 0; event < count; event++) {
    const { ...error } = pick(random, ERRORS);
    errors.push({
      ...common,
      ...error,
      page: pageIds[0],
      seq: 0,
      hash: session.slice(0, 8),
      event,
      at_ms: startedMs + Math.floor(random() * durationMs),
      message: error.title,
      handled: false,
      in_app: true,
      mechanism: "onerror",
      line: 17,
      column: 4,
      url: `https://shop.example${routes[0]}`,
      route: routes[0],
      user: common.users[0] ?? null,
    });
  }
  const pages = routes.map((route, index) => ({
    ...common,
    page: pageIds[index],
    tab: "tab00001",
    first_ms: startedMs + Math.floor((durationMs * index) / loads),
    last_ms: startedMs + Math.floor((durationMs * (index + 1)) / loads),
    url: `https://shop.example${route}`,
    route,
    title: "Shop",
    lcp_ms: (600 + random() * 2_400) * slow,
    inp_ms: random() < 0.7 ? (30 + random() * 240) * slow : null,
    fcp_ms: (300 + random() * 1_200) * slow,
    ttfb_ms: 60 + random() * 500,
    cls: random() * 0.2,
    errors: index === 0 ? count : 0,
    clicks: 5,
    rage_clicks: index === 0 ? rage : 0,
    dead_clicks: index === 0 ? dead : 0,
  }));
  const row = {
    ...common,
    state: "ended",
    ended_ms: startedMs + durationMs,
    duration_ms: durationMs,
    active_ms: Math.floor(durationMs * 0.6),
    reason: "all",
    entry_url: `https://shop.example${routes[0]}`,
    exit_url: `https://shop.example${routes.at(-1)}`,
    urls: [...new Set(routes)],
    fingerprints: [...new Set(errors.map(({ fingerprint }) => fingerprint))],
    custom_events: random() < 0.2 ? ["Added to cart"] : [],
    page_loads: loads,
    tabs: 1,
    events: Math.floor(durationMs / 100),
    errors: count,
    clicks: loads * 5,
    rage_clicks: rage,
    dead_clicks: dead,
    failed_requests: random() < 0.08 ? 1 : 0,
    bytes: Math.floor(durationMs / 2),
    inflated_bytes: durationMs * 5,
    pinned: false,
  };
  return { session: row, errors, pages };
}
