/**
 * What is known of the page and its browser when a page's recording begins.
 */
import type { BrowserFacts } from "../events.js";

export function browserFacts(): BrowserFacts {
  return {
    user_agent: navigator.userAgent,
    languages: navigator.languages,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    viewport: [innerWidth, innerHeight],
    screen: [screen.width, screen.height],
    pixel_ratio: devicePixelRatio,
  };
}
