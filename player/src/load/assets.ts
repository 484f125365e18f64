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

/**
 * `css` without imports, and with nothing in place of the URLs that may not be loaded.
 *
 * It spares requests and complaints; what is written so that this does not see it (CSS has escapes) is stopped by the player's policy. One pass,
 * whatever the text: no expression that could search for ever.
 */
export function sanitiseCss(css: string, assets: readonly string[]): string {
  const starts = /url\(|@import/gi;
  if (!starts.test(css)) return css;
  starts.lastIndex = 0;
  let safe = "";
  let at = 0;
  for (let start = starts.exec(css); start !== null; start = starts.exec(css)) {
    safe += css.slice(at, start.index);
    const from = start.index + start[0].length;
    if (start[0].toLowerCase() === "url(") {
      const { url, end } = readUrl(css, from);
      safe += isAllowedAsset(url, assets) ? css.slice(start.index, end) : 'url("data:,")';
      at = end;
    } else {
      at = endOfRule(css, from);
    }
    starts.lastIndex = at;
  }
  return safe + css.slice(at);
}

/** What stands in the parentheses that `from` is in, and where they end: with the text, if nothing closes them. */
function readUrl(css: string, from: number): { url: string; end: number } {
  let at = from;
  while (at < css.length && isSpace(css[at])) at++;
  const quote = css[at];
  if (quote === '"' || quote === "'") {
    const close = endOfString(css, at);
    const end = css.indexOf(")", close);
    return { url: css.slice(at + 1, close - 1), end: end < 0 ? css.length : end + 1 };
  }
  const end = css.indexOf(")", at);
  return {
    url: css.slice(at, end < 0 ? css.length : end).trim(),
    end: end < 0 ? css.length : end + 1,
  };
}

/** Behind the string that begins at `from`. */
function endOfString(css: string, from: number): number {
  for (let at = from + 1; at < css.length; at++) {
    if (css[at] === "\\") at++;
    else if (css[at] === css[from]) return at + 1;
  }
  return css.length;
}

/** Behind the semicolon that ends an at-rule without a block. */
function endOfRule(css: string, from: number): number {
  for (let at = from; at < css.length; at++) {
    const sign = css[at];
    if (sign === ";") return at + 1;
    if (sign === '"' || sign === "'") at = endOfString(css, at) - 1;
  }
  return css.length;
}

function isSpace(sign: string | undefined): boolean {
  return sign === " " || sign === "\n" || sign === "\t" || sign === "\r" || sign === "\f";
}
