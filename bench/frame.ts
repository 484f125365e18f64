// What every bench shares: the form of a result, and where it is written.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

/** One measured number. */
export interface Figure {
  /** Stable name within its bench: `click_to_watchable_s`. */
  id: string;
  value: number;
  /** `s`, `requests`, `x` for a ratio, …. */
  unit: string;
  /** What the value is held to. */
  bar: number;
  better: "lower" | "higher";
  /** What it was measured against, or where the bar comes from, for people. */
  against: string;
  /** Where it was not taken together with the others: when it was, as {@link Result.taken_at}. */
  taken_at?: string;
}

/** A bench's result, as it lies in `bench/results/{name}.json`. */
export interface Result {
  name: string;
  /** When it was taken: ISO 8601, UTC, to the second. */
  taken_at: string;
  machine: { os: string; cpu: string; cores: number; memory_gib: number };
  figures: Figure[];
}

/** A number with so many decimal places. */
export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** A bench's figures, and what adds one of a value that `rounded` makes readable. */
export function collect(rounded: (value: number) => number = round): {
  figures: Figure[];
  figure: (
    id: string,
    value: number,
    unit: string,
    bar: number,
    better: Figure["better"],
    against: string,
  ) => void;
} {
  const figures: Figure[] = [];
  return {
    figures,
    figure: (id, value, unit, bar, better, against) => {
      figures.push({ id, value: rounded(value), unit, bar, better, against });
    },
  };
}

const RESULTS = new URL("./results/", import.meta.url);

/**
 * Writes a bench's result, and says each figure. `keeps`: only some were taken, and the others of the last result stay, each with its own time.
 * `dry`: nothing is written.
 */
export function report(
  name: string,
  taken: Figure[],
  { keeps = false, dry = false }: { keeps?: boolean; dry?: boolean } = {},
): void {
  for (const figure of taken) {
    console.log(`${isMet(figure) ? "met   " : "missed"} ${name}.${figure.id} = ${text(figure)}`);
  }
  if (dry) return;
  const takenAt = `${new Date().toISOString().slice(0, 19)}Z`;
  const figures = keeps ? merged(read(name), taken, takenAt) : taken;
  const result: Result = {
    name,
    taken_at: takenAt,
    machine: {
      os: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memory_gib: Math.round(totalmem() / 2 ** 30),
    },
    figures,
  };
  check(result, name);
  mkdirSync(RESULTS, { recursive: true });
  const path = fileURLToPath(new URL(`${name}.json`, RESULTS));
  // Written aside and renamed, so that an interrupted bench leaves the last result whole.
  writeFileSync(`${path}.new`, `${JSON.stringify(result, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

/** The last result's figures, in their order, with those that were taken anew in their places, and new ones at the end. */
function merged(last: Result, taken: Figure[], takenAt: string): Figure[] {
  const kept = last.figures.map((figure) => {
    const anew = taken.find(({ id }) => id === figure.id);
    if (anew !== undefined) return anew;
    const { taken_at = last.taken_at, ...rest } = figure;
    return { ...rest, ...(taken_at === takenAt ? {} : { taken_at }) };
  });
  return [...kept, ...taken.filter(({ id }) => !kept.some((figure) => figure.id === id))];
}

/** Reads a result, and throws an error that names what is wrong with it. */
export function read(name: string): Result {
  const result: Result = JSON.parse(readFileSync(new URL(`${name}.json`, RESULTS), "utf8"));
  check(result, name);
  return result;
}

/** Whether a figure reaches its bar. */
export function isMet({ value, bar, better }: Figure): boolean {
  return better === "lower" ? value <= bar : value >= bar;
}

/** The value with its unit and bar, for people. */
export function text({ value, unit, bar, better }: Figure): string {
  const word = better === "lower" ? "at most" : "at least";
  return `${value} ${unit} (${word} ${bar})`;
}

/** The middle one of some numbers; of an even count, the mean of the middle two. */
export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (i: number) => {
    const n = sorted[i];
    if (n === undefined) throw new Error("the median of no numbers");
    return n;
  };
  return Number.isInteger(middle) ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle));
}

/** Puts a table into its place in a document, between the markers that name the command which makes it. */
export function writeInto(page: string, command: string, table: string): void {
  const path = new URL(`../${page}`, import.meta.url);
  const [begin, end] = [`<!-- made by ${command} -->`, "<!-- end -->"];
  const text = readFileSync(path, "utf8");
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < from)
    throw new Error(`${page} has no place for the table: ${begin} … ${end}`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${table}\n${text.slice(to)}`);
}

function check(result: Result, name: string): void {
  const wrong = (what: string) => new Error(`bench/results/${name}.json: ${what}`);
  if (result.name !== name) throw wrong(`name is ${JSON.stringify(result.name)}`);
  if (Number.isNaN(Date.parse(result.taken_at))) throw wrong("taken_at is no time");
  if (!result.figures?.length) throw wrong("no figures");
  for (const figure of result.figures) {
    for (const field of ["value", "bar"] as const) {
      if (!Number.isFinite(figure[field])) throw wrong(`${figure.id}: ${field} is no number`);
    }
    if (figure.better !== "lower" && figure.better !== "higher") {
      throw wrong(`${figure.id}: better is ${figure.better}, expected lower or higher`);
    }
    for (const field of ["id", "unit", "against"] as const) {
      if (!figure[field]) throw wrong(`${figure.id}: ${field} is missing`);
    }
  }
}
