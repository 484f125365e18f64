import { type Entry, failed, isDead, type Kind, type Level } from "./entry.ts";
import { wordsOf } from "./words.ts";

/** The entries of these kinds. */
export function ofKinds(entries: readonly Entry[], kinds: readonly Kind[]): Entry[] {
  return entries.filter((entry) => kinds.includes(entry.kind));
}

/** Entries that hold every word of `query`, whatever the case. An empty query lets all pass. */
export function matching<E extends Entry>(entries: readonly E[], query: string): readonly E[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return entries;
  return entries.filter((entry) => {
    const text = searchText(entry).toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function ofLevels<E extends Entry>(
  entries: readonly E[],
  levels: ReadonlySet<Level>,
): readonly E[] {
  return entries.filter((entry) => entry.kind !== "console" || levels.has(entry.level));
}

/** Whether something is wrong with it. */
export function isTrouble(entry: Entry): boolean {
  switch (entry.kind) {
    case "error":
      return true;
    case "console":
      return entry.level === "error";
    case "request":
      return failed(entry);
    case "click":
      return isDead(entry);
    case "vital":
      return entry.rating === "poor";
    default:
      return false;
  }
}

function searchText(entry: Entry): string {
  const { did, what } = wordsOf(entry);
  return `${did} ${what} ${unsaid(entry)}`;
}

/** What is worth finding by, and is not in the words. */
function unsaid(entry: Entry): string {
  switch (entry.kind) {
    case "opened":
      return entry.url;
    case "request":
      return `${entry.trace} ${entry.initiator}`;
    case "error":
      return `${entry.stack} ${entry.source} ${entry.trace}`;
    case "click":
    case "input":
      return `${entry.selector} ${entry.role}`;
    default:
      return "";
  }
}
