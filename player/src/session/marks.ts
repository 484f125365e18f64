import { shortUrl } from "../format.ts";
import type { Manifest } from "./manifest.ts";

/** Something that the timeline shows at its moment. */
export interface Mark {
  atMs: number;
  kind: "error" | "page" | "navigation" | "custom" | "identify" | "lost";
  label: string;
}

/** What a manifest tells of, by moment. */
export function marksOf(manifest: Manifest): Mark[] {
  const marks: Mark[] = manifest.pages.map(({ first_ms, opening }) => ({
    atMs: first_ms,
    kind: "page",
    label: opening?.title || shortUrl(opening?.url ?? "Page"),
  }));
  for (const { at, type, message } of manifest.errors)
    marks.push({ atMs: at.at_ms, kind: "error", label: `${type || "Error"}: ${message}` });
  for (const { at, kind, label } of manifest.markers) {
    // A page load is told by its page.
    if (kind === "navigation" || kind === "custom" || kind === "identify" || kind === "lost")
      marks.push({ atMs: at.at_ms, kind, label: kind === "navigation" ? shortUrl(label) : label });
  }
  return marks.sort((a, b) => a.atMs - b.atMs);
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
