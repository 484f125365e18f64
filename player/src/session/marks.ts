import { shortUrl } from "../format.ts";
import type { Manifest } from "./manifest.ts";

/** Something that the timeline shows at its moment. */
export interface Mark {
  atMs: number;
  kind: "error" | "page" | (typeof SHOWN)[number];
  label: string;
}

/** Kinds of markers to show. A page load is told by its page. */
const SHOWN = ["navigation", "custom", "identify", "lost", "dead_click", "rage_click"] as const;

/** What a manifest tells of, by moment. */
export function marksOf(manifest: Manifest): Mark[] {
  const marks: Mark[] = manifest.pages.map(({ first_ms, opening, chunks }) => {
    const name = opening?.title || shortUrl(opening?.url ?? "Page");
    return chunks.length > 0
      ? { atMs: first_ms, kind: "page", label: name }
      : { atMs: first_ms, kind: "lost", label: `Lost: ${name}` };
  });
  for (const { at, type, message } of manifest.errors)
    marks.push({ atMs: at.at_ms, kind: "error", label: `${type || "Error"}: ${message}` });
  for (const { at, kind, label } of manifest.markers) {
    const shown = SHOWN.find((known) => known === kind);
    if (shown === undefined) continue;
    marks.push({ atMs: at.at_ms, kind: shown, label: labelOf(shown, label) });
  }
  return marks.sort((a, b) => a.atMs - b.atMs);
}

function labelOf(kind: (typeof SHOWN)[number], label: string): string {
  switch (kind) {
    case "navigation":
      return shortUrl(label);
    case "dead_click":
      return `Dead click: ${label}`;
    case "rage_click":
      return `Rage: ${label}`;
    case "lost":
      return `Not recorded: ${label}`;
    default:
      return label;
  }
}

/** The marks nearest to a moment, at most `withinMs` away, by moment. */
export function marksNear(
  marks: readonly Mark[],
  atMs: number,
  withinMs: number,
  max: number,
): Mark[] {
  const distance = (mark: Mark) => Math.abs(mark.atMs - atMs);
  return marks
    .filter((mark) => distance(mark) <= withinMs)
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, max)
    .sort((a, b) => a.atMs - b.atMs);
}
