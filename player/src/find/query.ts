/** What is looked for in a project's tables (spec/tables.md), and its form in an address. Pure. */

export type Table = "sessions" | "errors" | "pages";

/** How a field's values are compared with a row's column. */
export type Match = "is" | "has" | "contains" | "min" | "some";

export interface Field {
  id: string;
  label: string;
  /** The column of each table that has one. */
  columns: Partial<Record<Table, string>>;
  /** `is`: equal; `has`: one of a list; `contains`: part of a text or of one of a list; `min`: at least; `some`: more than none. */
  match: Match;
  /** What a number is given in, and how many of the column's units that is. */
  unit?: { name: string; factor: number };
  /** All values there are, where these are few. */
  values?: readonly string[];
}

const everywhere = (column: string) => ({ sessions: column, errors: column, pages: column });

export const FIELDS: readonly Field[] = [
  { id: "user", label: "User", columns: everywhere("users"), match: "has" },
  {
    id: "url",
    label: "Page",
    columns: { sessions: "urls", errors: "route", pages: "route" },
    match: "contains",
  },
  { id: "release", label: "Release", columns: everywhere("release"), match: "is" },
  { id: "environment", label: "Environment", columns: everywhere("environment"), match: "is" },
  { id: "country", label: "Country", columns: everywhere("country"), match: "is" },
  { id: "browser", label: "Browser", columns: everywhere("browser"), match: "is" },
  { id: "os", label: "System", columns: everywhere("os"), match: "is" },
  {
    id: "device",
    label: "Device",
    columns: everywhere("device"),
    match: "is",
    values: ["desktop", "mobile", "tablet", "bot", "other"],
  },
  { id: "segment", label: "Segment", columns: everywhere("segments"), match: "has" },
  {
    id: "group",
    label: "Error group",
    columns: { sessions: "fingerprints", errors: "fingerprint" },
    match: "has",
  },
  { id: "event", label: "Custom event", columns: { sessions: "custom_events" }, match: "has" },
  {
    id: "errors",
    label: "With errors",
    columns: { sessions: "errors", pages: "errors" },
    match: "some",
  },
  {
    id: "rage",
    label: "Rage clicks",
    columns: { sessions: "rage_clicks", pages: "rage_clicks" },
    match: "some",
  },
  {
    id: "dead",
    label: "Dead clicks",
    columns: { sessions: "dead_clicks", pages: "dead_clicks" },
    match: "some",
  },
  {
    id: "failed",
    label: "Failed requests",
    columns: { sessions: "failed_requests", pages: "failed_requests" },
    match: "some",
  },
  {
    id: "longer",
    label: "Longer than",
    columns: { sessions: "duration_ms" },
    match: "min",
    unit: { name: "s", factor: 1000 },
  },
  {
    id: "active",
    label: "Active longer than",
    columns: { sessions: "active_ms" },
    match: "min",
    unit: { name: "s", factor: 1000 },
  },
  {
    id: "state",
    label: "State",
    columns: { sessions: "state" },
    match: "is",
    values: ["open", "ended"],
  },
  { id: "reason", label: "Recorded for", columns: { sessions: "reason" }, match: "is" },
  { id: "pinned", label: "Pinned", columns: { sessions: "pinned" }, match: "some" },
];

/** The time that is looked at: so many hours up to now, or days of UTC, both included. */
export type Range = { hours: number } | { from: string; to: string };

export interface Query {
  range: Range;
  /** By the id of a field. Values of one field are alternatives; each field must match. */
  filters: ReadonlyMap<string, readonly string[]>;
  /** A column to sort by, the greatest first. */
  sort: string;
  /** Whether errors that are known as noise count. */
  noise: boolean;
}

export const RANGES: readonly { label: string; hours: number }[] = [
  { label: "Last hour", hours: 1 },
  { label: "Last 24 hours", hours: 24 },
  { label: "Last 7 days", hours: 7 * 24 },
  { label: "Last 30 days", hours: 30 * 24 },
  { label: "Last 90 days", hours: 90 * 24 },
];
const HOURS_DEFAULT = 7 * 24;
/** spec/viewer-api.md: days in one call, of which two are the day more on either side. */
const DAYS_MAX = 91;
const DAY_MS = 86_400_000;
const VALUES_MAX = 20;

export const SORTS: Record<Table, readonly { column: string; label: string }[]> = {
  sessions: [
    { column: "started_ms", label: "Newest" },
    { column: "duration_ms", label: "Longest" },
    { column: "active_ms", label: "Most active" },
    { column: "errors", label: "Most errors" },
    { column: "rage_clicks", label: "Most rage clicks" },
    { column: "failed_requests", label: "Most failed requests" },
  ],
  errors: [
    { column: "count", label: "Most often" },
    { column: "users", label: "Most users" },
    { column: "last_ms", label: "Latest" },
    { column: "first_ms", label: "Newest" },
  ],
  pages: [
    { column: "loads", label: "Most loads" },
    { column: "lcp_ms", label: "Slowest LCP" },
    { column: "inp_ms", label: "Slowest INP" },
    { column: "cls", label: "Highest CLS" },
    { column: "errors", label: "Most errors" },
  ],
};

/** What an address asks for; what is not of its form is left out. */
export function parseQuery(table: Table, text: string): Query {
  const parameters = new URLSearchParams(text);
  const filters = new Map<string, string[]>();
  for (const { id } of FIELDS) {
    const values = [...new Set(parameters.getAll(id).filter((value) => value !== ""))];
    if (values.length > 0) filters.set(id, values.slice(0, VALUES_MAX));
  }
  const sort = parameters.get("sort");
  const sorts = SORTS[table];
  return {
    range: parseRange(parameters),
    filters,
    sort: sorts.find(({ column }) => column === sort)?.column ?? (sorts[0]?.column as string),
    noise: parameters.has("noise"),
  };
}

function parseRange(parameters: URLSearchParams): Range {
  const [from, to] = [parameters.get("from"), parameters.get("to")];
  if (from !== null && to !== null && isDay(from) && isDay(to) && from <= to) return { from, to };
  const hours = Number(parameters.get("hours"));
  return { hours: RANGES.some((range) => range.hours === hours) ? hours : HOURS_DEFAULT };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** The query of an address, without a question mark; what is usual is left out. */
export function encodeQuery(table: Table, { range, filters, sort, noise }: Query): string {
  const parameters = new URLSearchParams();
  if ("from" in range) {
    parameters.set("from", range.from);
    parameters.set("to", range.to);
  } else if (range.hours !== HOURS_DEFAULT) parameters.set("hours", String(range.hours));
  for (const { id } of FIELDS)
    for (const value of filters.get(id) ?? []) parameters.append(id, value);
  if (sort !== SORTS[table][0]?.column) parameters.set("sort", sort);
  if (noise) parameters.set("noise", "1");
  return parameters.toString();
}

/** The time looked at, in Unix milliseconds, the end exclusive; at most so many days as one call gives. */
export function timesOf(range: Range, nowMs: number): { fromMs: number; toMs: number } {
  if ("hours" in range) return { fromMs: nowMs - range.hours * 3_600_000, toMs: nowMs + 60_000 };
  const toMs = Date.parse(range.to) + DAY_MS;
  return { fromMs: Math.max(Date.parse(range.from), toMs - DAYS_MAX * DAY_MS), toMs };
}

/** The days to ask for: those of the sessions' starts, and one more on either side. */
export function daysOf(fromMs: number, toMs: number): { from: string; to: string } {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  return { from: day(fromMs - DAY_MS), to: day(toMs - 1 + DAY_MS) };
}

/** One condition on a row of a table. */
export interface Condition {
  column: string;
  match: Match;
  values: readonly (string | number)[];
}

/** What the filters mean in one table. Fields that it does not have are left out. */
export function conditionsOf(table: Table, filters: Query["filters"]): Condition[] {
  return FIELDS.flatMap((field): Condition[] => {
    const values = filters.get(field.id);
    const column = field.columns[table];
    if (values === undefined || column === undefined) return [];
    // One error is of one group, a session has several.
    const match = field.match === "has" && column === "fingerprint" ? "is" : field.match;
    if (match === "min") {
      const factor = field.unit?.factor ?? 1;
      const numbers = values.map(Number).filter((value) => Number.isFinite(value));
      return numbers.length === 0
        ? []
        : [{ column, match, values: [Math.min(...numbers) * factor] }];
    }
    return [
      {
        column,
        match,
        values: match === "contains" ? values.map((value) => value.toLowerCase()) : values,
      },
    ];
  });
}

/** Whether a value of the condition's column satisfies it. */
export function satisfies(value: unknown, { match, values }: Condition): boolean {
  switch (match) {
    case "is":
      return values.includes(value as string);
    case "has":
      return Array.isArray(value) && value.some((entry) => values.includes(entry));
    case "contains": {
      const texts = (Array.isArray(value) ? value : [value]).filter(
        (entry) => typeof entry === "string",
      );
      return texts.some((text) => values.some((part) => text.toLowerCase().includes(String(part))));
    }
    case "min":
      return value !== null && value !== undefined && Number(value) >= Number(values[0]);
    case "some":
      return value === true || Number(value ?? 0) > 0;
  }
}
