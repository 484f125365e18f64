/**
 * What is known of the page and its browser when a page's recording begins.
 */
import type { BrowserFacts, Emit } from "../events.js";
import type { Guard } from "../guard.js";

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

const DARK = "(prefers-color-scheme: dark)";

/** Hears of what changes of these facts until the function it returns is called. */
export function watchBrowser(emit: Emit, guard: Guard): () => void {
  const query = matchMedia(DARK);
  const onChange = guard(() => emit("tapedeck.browser", colorScheme()));
  query.addEventListener("change", onChange);
  return () => query.removeEventListener("change", onChange);
}

function colorScheme(): Pick<BrowserFacts, "color_scheme"> {
  return { color_scheme: matchMedia(DARK).matches ? "dark" : "light" };
}

/** A first `DateTimeFormat` takes a page tens of milliseconds, so it is made only where nothing else tells. */
function timeZone(): string {
  const { Temporal } = globalThis as { Temporal?: { Now: { timeZoneId(): string } } };
  return Temporal?.Now.timeZoneId() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
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
    time_zone: timeZone(),
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
    ...colorScheme(),
  };
}
