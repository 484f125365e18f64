import type { Manifest } from "../session/manifest.ts";
import type { Entry, Failure, Place } from "./entry.ts";

/** An error of the session. `marked`: only what the manifest tells of it is known, since its chunk has not been read. */
export type KnownError = Place & Failure & { marked: boolean };

/** All errors that are known, by moment: those that were read, and those that the manifest alone tells of. */
export function errorsOf(manifest: Manifest, entries: readonly Entry[]): KnownError[] {
  const read = entries.filter((entry) => entry.kind === "error");
  const seen = new Map<string, number>();
  for (const error of read) {
    const key = keyOf(error.page, error.atMs, error.type);
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  const marked: KnownError[] = [];
  manifest.errors.forEach(({ at, type, message }, index) => {
    const key = keyOf(at.page, at.at_ms, type || "Error");
    const left = seen.get(key) ?? 0;
    if (left > 0) {
      seen.set(key, left - 1);
      return;
    }
    marked.push({
      id: `mark:${index}`,
      page: at.page,
      atMs: at.at_ms,
      kind: "error",
      type: type || "Error",
      message,
      stack: "",
      handled: false,
      mechanism: "",
      source: "",
      line: null,
      column: null,
      frames: [],
      causes: [],
      trace: "",
      marked: true,
    });
  });
  return [...read.map((error) => ({ ...error, marked: false })), ...marked].sort(
    (a, b) => a.atMs - b.atMs,
  );
}

function keyOf(page: string, atMs: number, type: string): string {
  return `${page} ${atMs} ${type}`;
}
