/**
 * What is known of the page and its browser when a page's recording begins.
 */
import type { BrowserFacts } from "../events.js";

/** Traces that extensions leave in a page, which may change what it does. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  grammarly: "[data-gr-ext-installed]",
  darkreader: "[data-darkreader-mode]",
  languagetool: "[data-lt-installed]",
  colorzilla: "[cz-shortcut-listen]",
  translate: ".translated-ltr,.translated-rtl",
  other: '[src*="-extension:"],[href*="-extension:"]',
};

/** What only some browsers tell. */
interface Told {
  readonly deviceMemory?: number;
  readonly connection?: {
    readonly effectiveType?: string;
    readonly rtt?: number;
    readonly saveData?: boolean;
  };
}

export function browserFacts(): BrowserFacts {
  const { deviceMemory, connection } = navigator as Told;
  const { effectiveType, rtt, saveData } = connection ?? {};
  const extensions = Object.entries(EXTENSIONS)
    .filter(([, traces]) => document.querySelector(traces) !== null)
    .map(([name]) => name);
  return {
    user_agent: navigator.userAgent,
    languages: navigator.languages,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    viewport: [innerWidth, innerHeight],
    screen: [screen.width, screen.height],
    pixel_ratio: devicePixelRatio,
    cores: navigator.hardwareConcurrency,
    ...(deviceMemory !== undefined && { memory_gb: deviceMemory }),
    ...(connection && {
      connection: {
        ...(effectiveType && { type: effectiveType }),
        ...(rtt !== undefined && { rtt_ms: rtt }),
        ...(saveData && { save_data: true }),
      },
    }),
    ...(extensions.length > 0 && { extensions }),
  };
}
