/** What a recorded page may load in the viewer's browser: what it carries itself, and images and fonts of allowed origins. */

/** An image that is not shown: a grey field with a frame, of the size that it had, as far as that is known. */
export function placeholder(width: unknown, height: unknown): string {
  const [w, h] = [pixels(width) ?? 24, pixels(height) ?? pixels(width) ?? 24];
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}"><rect x=".5" y=".5" width="${Math.max(0, w - 1)}" height="${Math.max(0, h - 1)}" ` +
    `fill="#8a92a0" fill-opacity=".18" stroke="#8a92a0" stroke-opacity=".6" stroke-dasharray="4 3"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function pixels(value: unknown): number | null {
  const number = typeof value === "number" ? value : Number.parseFloat(String(value));
  const isRelative = typeof value === "string" && !/^\s*[\d.]+\s*(px)?\s*$/.test(value);
  return Number.isFinite(number) && number > 0 && number <= 10_000 && !isRelative ? number : null;
}

/** Whether a recorded page may load `url`. What is relative would be the player's own. */
export function isAllowedAsset(url: unknown, assets: readonly string[]): boolean {
  if (typeof url !== "string") return false;
  const parsed = URL.parse(url);
  if (parsed === null) return url.trim().startsWith("#");
  if (parsed.protocol === "data:" || parsed.protocol === "blob:") return true;
  return assets.includes(parsed.origin);
}

const URLS = /url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^)"']*))\s*\)/gi;
const IMPORTS = /@import\b(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^;"'])*;?/gi;

/**
 * `css` without imports, and with nothing in place of the URLs that may not be loaded.
 *
 * It spares requests and complaints; what is written so that this does not see it (CSS has escapes) is stopped by the player's policy.
 */
export function sanitiseCss(css: string, assets: readonly string[]): string {
  if (!/url\(|@import/i.test(css)) return css;
  return css.replace(IMPORTS, "").replace(URLS, (whole, double, single, bare) => {
    const url: string = (double ?? single ?? bare ?? "").trim();
    return isAllowedAsset(url, assets) ? whole : 'url("data:,")';
  });
}
