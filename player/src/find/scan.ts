/** All rows of a table that satisfy some conditions, the newest days first, each key once. */

import type { ParquetScan } from "hyparquet";
import type { IndexFile } from "./files.ts";
import { type RowGroup, readColumns, scanTable, type TableFile } from "./parquet.ts";
import { type Condition, satisfies, type Table } from "./query.ts";
import { settled, Winners } from "./revisions.ts";

/** What of spec/tables.md a reader must know of each table. */
export const TABLES: Record<Table, { time: string; order: string; key: readonly string[] }> = {
  sessions: { time: "started_ms", order: "started_ms", key: ["session"] },
  errors: {
    time: "at_ms",
    order: "fingerprint",
    key: ["session", "page", "seq", "hash", "event"],
  },
  pages: { time: "first_ms", order: "route", key: ["session", "page"] },
};
const REVISION = ["core", "config", "chunks"];
/** What decides between rows of `sessions` of one revision. */
const SETTLED = ["state", "pinned"];
/** Files of a day that are opened, and row groups that are read, at once. */
const AT_ONCE = 6;

export interface ScanPlan {
  table: Table;
  fromMs: number;
  /** Exclusive. */
  toMs: number;
  conditions: readonly Condition[];
  /** What is read of the rows that count, beside the time. */
  columns: readonly string[];
  /** Whether of this row group only the number of rows is wanted, if the table tells it without reading. */
  countOnly?: (file: TableFile, group: RowGroup) => boolean;
}

/** Rows of one row group that count. */
export interface Batch {
  file: TableFile;
  columns: Record<string, ArrayLike<unknown>>;
  /** Positions in `columns`. */
  indexes: readonly number[];
  /** What is added to a position for the row's number in the file. */
  firstRow: number;
  /** How many rows count: more than `indexes` where only the number was asked for. */
  count: number;
  /** Of the rows that are counted only: the day they are of. */
  dayMs: number;
  /** No later batch has a row as late as this. Only for tables in the order of time. */
  restBeforeMs: number;
}

export type Opener = (file: IndexFile) => Promise<TableFile>;

/** @throws {SourceError} */
export async function* scanRows(
  files: readonly IndexFile[],
  open: Opener,
  plan: ScanPlan,
): AsyncGenerator<Batch> {
  const days = [...new Set(files.map(({ day }) => day))].sort().reverse();
  for (const [index, day] of days.entries()) {
    const opened = await inTurns(
      files.filter((file) => file.day === day),
      open,
    );
    const earlier = days[index + 1];
    const restMs =
      earlier === undefined ? Number.NEGATIVE_INFINITY : Date.parse(earlier) + 86_400_000;
    yield* scanDay(opened, plan, Date.parse(day), restMs);
  }
}

async function* scanDay(
  files: TableFile[],
  plan: ScanPlan,
  dayMs: number,
  restMs: number,
): AsyncGenerator<Batch> {
  const { table, fromMs, toMs } = plan;
  const winners = overlap(files, TABLES[table].order) ? await winnersOf(files, table) : null;
  const units = files
    .flatMap((file) => file.groups.map((group) => ({ file, group })))
    .filter(({ group }) => group.firstMs < toMs && group.lastMs >= fromMs)
    .sort((a, b) => b.group.lastMs - a.group.lastMs);
  const scans = new Map<string, Promise<ParquetScan>>();
  const scanOf = (file: TableFile) => {
    const columns = [
      TABLES[table].time,
      ...plan.columns,
      ...plan.conditions.map(({ column }) => column),
    ];
    let scan = scans.get(file.key);
    if (scan === undefined) {
      scan = scanTable(file, columns, plan.conditions);
      scans.set(file.key, scan);
    }
    return scan;
  };
  for (let at = 0; at < units.length; at += AT_ONCE) {
    const turn = units.slice(at, at + AT_ONCE);
    const isCounted = (file: TableFile, group: RowGroup) =>
      plan.conditions.length === 0 &&
      winners === null &&
      group.firstMs >= fromMs &&
      group.lastMs < toMs &&
      plan.countOnly?.(file, group) === true;
    const batches = await Promise.all(
      turn.map(async ({ file, group }) =>
        isCounted(file, group)
          ? [counted(file, group, dayMs)]
          : scanGroup(file, group, await scanOf(file), plan, winners, dayMs),
      ),
    );
    const rest = units[at + AT_ONCE]?.group.lastMs ?? Number.NEGATIVE_INFINITY;
    const restBeforeMs = Math.max(rest + 1, restMs);
    for (const batch of batches.flat()) yield { ...batch, restBeforeMs };
  }
}

type Found = Omit<Batch, "restBeforeMs">;

function counted(file: TableFile, { fromRow, toRow }: RowGroup, dayMs: number): Found {
  return { file, columns: {}, indexes: [], firstRow: fromRow, count: toRow - fromRow, dayMs };
}

async function scanGroup(
  file: TableFile,
  group: RowGroup,
  scan: ParquetScan,
  plan: ScanPlan,
  winners: Winners | null,
  dayMs: number,
): Promise<Found[]> {
  const { time } = TABLES[plan.table];
  const isWithin = group.firstMs >= plan.fromMs && group.lastMs < plan.toMs;
  const deciding = [...new Set(plan.conditions.map(({ column }) => column))];
  if (deciding.length === 0 || !isWithin) deciding.push(time);
  const found: Found[] = [];
  const ranges = scan.ranges.filter(
    ({ rowStart, rowEnd }) => rowStart >= group.fromRow && rowEnd <= group.toRow,
  );
  for (const { rowStart, rowEnd } of ranges) {
    // Where there are conditions, most rows fail them: then the other columns are not read at all.
    const first =
      plan.conditions.length === 0 ? [...new Set([...deciding, ...plan.columns])] : deciding;
    let columns = await readColumns(file.key, scan, first, rowStart, rowEnd);
    const indexes: number[] = [];
    for (let i = 0; i < rowEnd - rowStart; i++) {
      if (!isWithin) {
        const atMs = Number(columns[time]?.[i]);
        if (!(atMs >= plan.fromMs && atMs < plan.toMs)) continue;
      }
      if (
        !plan.conditions.every((condition) => satisfies(columns[condition.column]?.[i], condition))
      )
        continue;
      if (winners !== null && !winners.isBest(file.key, rowStart + i)) continue;
      indexes.push(i);
    }
    if (indexes.length === 0) continue;
    const missing = [...new Set([time, ...plan.columns])].filter((column) => !(column in columns));
    let [firstRow, kept] = [rowStart, indexes];
    if (missing.length > 0) {
      // Of these only the pages with rows that count.
      const from = indexes[0] as number;
      const to = (indexes.at(-1) as number) + 1;
      const start = rowStart + from;
      const read = await readColumns(file.key, scan, missing, start, rowStart + to);
      const cut = Object.entries(columns).map(([name, column]) => [name, part(column, from, to)]);
      columns = { ...Object.fromEntries(cut), ...read };
      firstRow = start;
      kept = indexes.map((index) => index - from);
    }
    found.push({ file, columns, indexes: kept, firstRow, count: kept.length, dayMs });
  }
  return found;
}

function part(column: ArrayLike<unknown>, from: number, to: number): ArrayLike<unknown> {
  return Array.prototype.slice.call(column, from, to);
}

/** Whether two files may have rows of one key: they do not if they follow each other in the table's order. */
function overlap(files: readonly TableFile[], orderColumn: string): boolean {
  if (files.length < 2) return false;
  const spans = files.map((file) => spanOf(file, orderColumn));
  if (spans.some((span) => span === null)) return true;
  const sorted = (spans as Span[]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted.some(([from], index) => {
    const before = sorted[index - 1];
    return before !== undefined && !(before[1] < from);
  });
}

type Span = [min: number | string, max: number | string];

function spanOf({ metadata }: TableFile, column: string): Span | null {
  const spans = metadata.row_groups.map((group): Span | null => {
    const chunk = group.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === column);
    const { min_value, max_value } = chunk?.meta_data?.statistics ?? {};
    if (min_value === undefined || max_value === undefined) return null;
    return [comparable(min_value), comparable(max_value)];
  });
  return spans.reduce(
    (a, b) =>
      a === null || b === null ? null : [a[0] < b[0] ? a[0] : b[0], a[1] > b[1] ? a[1] : b[1]],
    spans[0] ?? null,
  );
}

function comparable(value: unknown): number | string {
  return typeof value === "string" ? value : Number(value);
}

async function winnersOf(files: readonly TableFile[], table: Table): Promise<Winners> {
  const winners = new Winners();
  const { key } = TABLES[table];
  const columns = [...key, ...REVISION, ...(table === "sessions" ? SETTLED : [])];
  await inTurns(files, async (file) => {
    const scan = await scanTable(file, columns, []);
    for (const { rowStart, rowEnd } of scan.ranges) {
      const read = await readColumns(file.key, scan, columns, rowStart, rowEnd);
      for (let i = 0; i < rowEnd - rowStart; i++) {
        const name = key.map((column) => String(read[column]?.[i])).join(" ");
        const [core, config, chunks] = REVISION.map((column) => Number(read[column]?.[i] ?? 0));
        winners.add(
          name,
          [
            core as number,
            config as number,
            chunks as number,
            settled(read.state?.[i], read.pinned?.[i]),
          ],
          file.key,
          rowStart + i,
        );
      }
    }
  });
  return winners;
}

async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(act))));
  }
  return results;
}
