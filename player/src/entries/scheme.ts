import type { ColorScheme, Manifest } from "../session/manifest.ts";
import type { Entry } from "./entry.ts";

/**
 * Which colours the visitor preferred at `timeMs`: the last that is known to have been told by then, else what the manifest tells of the
 * session's start. Light where nobody told, which is what a page looks like to whoever prefers nothing.
 */
export function colorSchemeAt(
  manifest: Manifest | null,
  entries: readonly Entry[],
  timeMs: number,
): ColorScheme {
  let scheme = manifest?.environment?.browser?.color_scheme ?? "light";
  for (const entry of entries) {
    if (entry.atMs > timeMs) break;
    if (entry.kind === "opened") scheme = entry.environment.browser?.color_scheme ?? scheme;
    if (entry.kind === "browser") scheme = entry.browser.color_scheme ?? scheme;
  }
  return scheme;
}
