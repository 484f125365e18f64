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
 * `text` without imports, and with nothing in place of the URLs that may not be loaded.
 *
 * It looks for what loads wherever it stands, in comments and strings too, and writes each URL anew so that none of its signs ends anything: a text
 * that a browser takes apart elsewhere than this does so hides nothing. One pass, whatever the text: no expression that could search for ever.
 */
export function sanitiseCss(text: string, assets: readonly string[]): string {
  const css = sanitiseStrings(text, assets);
  const starts = new RegExp(STARTS, "gi");
  let safe = "";
  let at = 0;
  for (let start = starts.exec(css); start !== null; start = starts.exec(css)) {
    safe += css.slice(at, start.index);
    const from = start.index + start[0].length;
    if (start[1] !== undefined) {
      SIMPLE.lastIndex = from;
      const simple = SIMPLE.exec(css);
      const { url, end } = simple
        ? { url: simple[2] ?? "", end: SIMPLE.lastIndex }
        : readUrl(css, from);
      const isKept = simple !== null && isAllowedAsset(url, assets);
      safe += isKept ? css.slice(start.index, end) : `url(${written(url, assets)})`;
      at = end;
    } else {
      // A blank, so that what stood on both sides does not become a word.
      safe += " ";
      at = endOfRule(css, from);
    }
    starts.lastIndex = at;
  }
  return safe + css.slice(at);
}

/** An expression for a word of CSS, however its letters are escaped: https://www.w3.org/TR/css-syntax-3/#consume-escaped-code-point */
function word(text: string): string {
  return [...text]
    .map((sign) => {
      const code = sign.charCodeAt(0).toString(16);
      const upper = sign.toUpperCase().charCodeAt(0).toString(16);
      const literal = /[a-f]/.test(sign) ? "" : `\\\\${sign}|`;
      return `(?:${sign}|${literal}\\\\0{0,4}(?:${code}|${upper})(?:\\r\\n|[ \\t\\n\\r\\f])?)`;
    })
    .join("");
}

/** What loads: a URL, or an import. */
const STARTS = `(${word("url")}\\()|@${word("import")}`;
/** Functions that take URLs as strings. */
const STRING_STARTS = `(?:${word("image")}(?:${word("-set")})?|${word("src")})\\(`;

/** The rest of a URL in whose place nothing else can be read, with or without quotes. */
const SIMPLE = /[ \t\n\r\f]*(["']?)([^"'()\\*\s]*)\1[ \t\n\r\f]*\)/y;

/** `url` as a string of CSS that is one wherever it stands, or of nothing if it may not be loaded. */
function written(url: string, assets: readonly string[]): string {
  if (!isAllowedAsset(url, assets)) return '"data:,"';
  const plain = url.replace(
    /["'()\\*\t\n\r\f ]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${plain}"`;
}

/** Text of CSS, its escapes resolved. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:([\da-f]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|([\s\S]))/gi,
    (_, code?: string, line?: string, sign = "") => {
      if (code === undefined) return line === undefined ? sign : "";
      const point = Number.parseInt(code, 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
    },
  );
}

/** What stands in the parentheses that `from` is in, and where they end: with the text, if nothing closes them. */
function readUrl(css: string, from: number): { url: string; end: number } {
  let at = from;
  while (at < css.length && isSpace(css[at])) at++;
  const quote = css[at];
  if (quote === '"' || quote === "'") {
    const close = endOfString(css, at);
    const end = css.indexOf(")", close);
    return {
      url: unescaped(
        css.slice(at + 1, close > at + 1 && css[close - 1] === quote ? close - 1 : close),
      ),
      end: end < 0 ? css.length : end + 1,
    };
  }
  let end = at;
  while (end < css.length && css[end] !== ")") end += css[end] === "\\" ? 2 : 1;
  return { url: unescaped(css.slice(at, end).trim()), end: Math.min(end + 1, css.length) };
}

/** `css` with each string written anew that a function takes for a URL. */
function sanitiseStrings(css: string, assets: readonly string[]): string {
  const starts = new RegExp(STRING_STARTS, "gi");
  let safe = "";
  let at = 0;
  for (let start = starts.exec(css); start !== null; start = starts.exec(css)) {
    const from = start.index + start[0].length;
    const { text, end } = readStrings(css, from, assets);
    safe += css.slice(at, from) + text;
    at = end;
    starts.lastIndex = at;
  }
  return safe + css.slice(at);
}

/** The rest of a function whose strings are URLs, and where it ends. */
function readStrings(
  css: string,
  from: number,
  assets: readonly string[],
): { text: string; end: number } {
  let text = "";
  let kept = from;
  let at = from;
  let isPlain = true;
  for (let depth = 1; at < css.length && depth > 0; ) {
    const sign = css[at];
    if (sign === '"' || sign === "'") {
      const end = endOfString(css, at);
      const url = css.slice(at + 1, end > at + 1 && css[end - 1] === sign ? end - 1 : end);
      const isType = /^[\w/+.-]*$/.test(url) && /type\($/i.test(css.slice(at - 5, at));
      text += css.slice(kept, at) + (isType ? `"${url}"` : written(unescaped(url), assets));
      at = end;
      kept = end;
    } else if (css.startsWith("/*", at)) {
      const end = css.indexOf("*/", at + 2);
      at = end < 0 ? css.length : end + 2;
      kept = at;
    } else {
      // What a variable or a function of the page stands for is not known.
      if (sign === "\\" || css.startsWith("--", at)) isPlain = false;
      if (sign === "(") depth++;
      if (sign === ")") depth--;
      at += sign === "\\" ? 2 : 1;
    }
  }
  return { text: isPlain ? text + css.slice(kept, at) : '"data:,")', end: at };
}

/** Behind the string that begins at `from`. */
function endOfString(css: string, from: number): number {
  for (let at = from + 1; at < css.length; at++) {
    if (css[at] === "\\") at++;
    else if (css[at] === css[from]) return at + 1;
    // A line ends a string that nothing has closed.
    else if (css[at] === "\n" || css[at] === "\r" || css[at] === "\f") return at;
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
