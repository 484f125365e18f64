/**
 * What holds for a page: what it says itself, and what its project's configuration adds to that.
 */
import { type NetworkRules, numberIn, type RecorderConfig } from "./config.js";
import type { Options } from "./options.js";

/** What comes later than this is not said to be a click's doing. */
export const EFFECT_MS = 1_500;

export interface Settings {
  readonly isTextMasked: boolean;
  /** Selectors of elements whose text and fields are shown, and of those that are an empty box, beyond our own. */
  readonly unmask: readonly string[];
  readonly block: readonly string[];
  readonly queryAllow: readonly string[];
  readonly excludedPages: readonly string[];
  readonly traceOrigins: readonly string[];
  readonly network: NetworkRules;
  readonly effectMs: number;
}

/** The page's settings. `refused` hears of selectors that this browser does not know; they are left out. */
export function settingsOf(
  options: Options,
  { privacy = {}, excluded_pages, clicks }: RecorderConfig,
  refused: (error: unknown) => void,
): Settings {
  const known = (selectors: readonly string[] = []): string[] =>
    selectors.filter((selector) => {
      try {
        return new DocumentFragment().querySelector(selector) === null;
      } catch (error) {
        refused(error);
        return false;
      }
    });
  const both = (ours: readonly string[] = [], theirs: readonly string[] = []): string[] => [
    ...ours,
    ...theirs,
  ];
  return {
    isTextMasked: options.maskText !== false,
    unmask: known(privacy.unmask),
    block: known(privacy.block),
    queryAllow: both(options.queryAllow, privacy.query_allow),
    excludedPages: both(options.excludedPages, excluded_pages),
    traceOrigins: both(options.traceOrigins, privacy.trace_origins),
    network: privacy.network ?? {},
    effectMs: numberIn(clicks, "dead_ms", EFFECT_MS),
  };
}
