/** Parquet files read by ranges: footers, row groups that may match, and columns of them. */

import { decompress } from "fzstd";
import {
  type AsyncBuffer,
  type FileMetaData,
  type ParquetParsers,
  type ParquetQueryFilter,
  type ParquetScan,
  parquetMetadataAsync,
  parquetScan,
} from "hyparquet";
import { gathered, type Ranges } from "../source/ranges.ts";
import { SourceError } from "../source/source.ts";
import type { Condition } from "./query.ts";

/** A file that is smaller is read whole at once: less than a request saved is worth. */
const WHOLE_BYTES_MAX = 96 * 1024;
const FOOTER_BYTES_GUESS = 32 * 1024;
/** Columns that lie so near each other are read as one. */
const GAP_BYTES_MAX = 8 * 1024;
const RUN_BYTES_MAX = 8 * 1024 * 1024;
const PAGE_INFLATED_BYTES_MAX = 64 * 1024 * 1024;

/** A table's file, of which the footer is read. */
export interface TableFile {
  key: string;
  rows: number;
  /** Row groups in the file's order. */
  groups: RowGroup[];
  buffer: AsyncBuffer;
  metadata: FileMetaData;
}

export interface RowGroup {
  /** Its place in the file. */
  index: number;
  fromRow: number;
  /** Exclusive. */
  toRow: number;
  /** Of the time column, or the widest there can be where the file does not tell. */
  firstMs: number;
  lastMs: number;
}

/** Times as numbers rather than as `Date`s: there may be millions. */
const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (ms) => Number(ms) as unknown as Date,
};

const COMPRESSORS = {
  ZSTD: (input: Uint8Array, bytes: number) => {
    if (bytes > PAGE_INFLATED_BYTES_MAX)
      throw new RangeError(`page is ${bytes} bytes inflated, limit is ${PAGE_INFLATED_BYTES_MAX}`);
    return decompress(input, new Uint8Array(bytes));
  },
};

/**
 * Opens a file of `bytes` bytes. `timeColumn` orders its row groups. Footers are kept in `known`, by key: files never change.
 *
 * @throws {SourceError}
 */
export async function openTable(
  key: string,
  bytes: number,
  ranges: Ranges,
  timeColumn: string,
  signal: AbortSignal,
  known: Map<string, FileMetaData>,
): Promise<TableFile> {
  const together = gathered(ranges, GAP_BYTES_MAX, RUN_BYTES_MAX);
  let buffer: AsyncBuffer = {
    byteLength: bytes,
    slice: (from, to = bytes) => together.read(from, to, signal),
  };
  if (bytes <= WHOLE_BYTES_MAX) {
    const whole = await ranges.read(0, bytes, signal);
    buffer = { byteLength: bytes, slice: async (from, to = bytes) => whole.slice(from, to) };
  }
  const metadata =
    known.get(key) ??
    (await told(key, () =>
      parquetMetadataAsync(buffer, {
        initialFetchSize: FOOTER_BYTES_GUESS,
        parsers: PARSERS,
        geoparquet: false,
      }),
    ));
  known.set(key, metadata);
  let row = 0;
  const groups = metadata.row_groups.map((group, index): RowGroup => {
    const fromRow = row;
    row += Number(group.num_rows);
    const column = group.columns.find(
      ({ meta_data }) => meta_data?.path_in_schema[0] === timeColumn,
    );
    const { min_value, max_value } = column?.meta_data?.statistics ?? {};
    return {
      index,
      fromRow,
      toRow: row,
      firstMs: min_value === undefined ? Number.NEGATIVE_INFINITY : Number(min_value),
      lastMs: max_value === undefined ? Number.POSITIVE_INFINITY : Number(max_value),
    };
  });
  return { key, rows: row, groups, buffer, metadata };
}

/** The greatest number of a column in a row group; the greatest there can be where the file does not tell. */
export function greatestOf({ metadata }: TableFile, { index }: RowGroup, column: string): number {
  const chunk = metadata.row_groups[index]?.columns.find(
    ({ meta_data }) => meta_data?.path_in_schema[0] === column,
  );
  const greatest = chunk?.meta_data?.statistics?.max_value;
  return greatest === undefined ? Number.POSITIVE_INFINITY : Number(greatest);
}

/** A view of a file for reading `columns`, with only the rows that may satisfy `conditions`, as far as the file's statistics tell. */
export function scanTable(
  { key, buffer, metadata }: TableFile,
  columns: readonly string[],
  conditions: readonly Condition[],
): Promise<ParquetScan> {
  const pruningFilter = pruning(conditions);
  return told(key, () =>
    parquetScan({
      file: buffer,
      metadata,
      columns: [...new Set(columns)],
      compressors: COMPRESSORS,
      parsers: PARSERS,
      geoparquet: false,
      useOffsetIndex: true,
      ...(pruningFilter === null
        ? {}
        : { pruningFilter, useBloomFilters: true, usePageIndex: true }),
    }),
  );
}

/** The columns of rows from `fromRow` to `toRow` (exclusive), which lie in one range of the scan. */
export async function readColumns(
  key: string,
  scan: ParquetScan,
  columns: readonly string[],
  rowStart: number,
  rowEnd: number,
): Promise<Record<string, ArrayLike<unknown>>> {
  const read = await told(key, () =>
    Promise.all(columns.map((column) => scan.readColumn({ column, rowStart, rowEnd }))),
  );
  return Object.fromEntries(
    columns.map((column, index) => [column, read[index] as ArrayLike<unknown>]),
  );
}

/** The part of the conditions that statistics, bloom filters and page indexes can decide. */
function pruning(conditions: readonly Condition[]): ParquetQueryFilter | null {
  const filters = conditions.flatMap(({ column, match, values }): ParquetQueryFilter[] => {
    switch (match) {
      case "is":
        return [{ [column]: { $in: [...values] } }];
      case "has":
        return [{ [`${column}.list.element`]: { $in: [...values] } }];
      case "min":
        return [{ [column]: { $gte: Number(values[0]) } }];
      default:
        return [];
    }
  });
  return filters.length === 0 ? null : { $and: filters };
}

/** What the reader throws about a file's form becomes an error that names the file. */
async function told<T>(key: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (
      cause instanceof SourceError ||
      (cause instanceof DOMException && cause.name === "AbortError")
    )
      throw cause;
    throw new SourceError(
      "unreadable",
      `${key} is not a table that this player reads: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}
