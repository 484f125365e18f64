/**
 * What hides text, URLs and style before they are recorded.
 */

/** Names of query parameters whose values are shown. */
export type QueryAllow = ReadonlySet<string>;

const NONE: QueryAllow = new Set();

/** As many `*` as the text has UTF-16 units, so that a field keeps its look. */
export function maskText(text: string): string {
  return "*".repeat(text.length);
}

/** As {@link maskText}, but white space stays, so that lines break where they did. */
export function maskWords(text: string): string {
  return text.replace(/\S/g, "*");
}

const URL_IN_TEXT = /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>()]+/gi;
const LINE_AND_COLUMN = /(?::\d+){1,2}$/;
const SCHEMES = /^(?:https?|wss?|ftp|file|about|blob|[a-z-]+-extension):$/;

/**
 * The URL without user info, its query's values masked but for those allowed, path segments that hold an address masked, and without
 * its fragment unless that is a route (`#/…`), whose own query is masked too. Of `data:`, `javascript:`, `mailto:` and their like only
 * the scheme is left. What is no absolute URL is cut where a query or fragment begins.
 */
export function maskUrl(text: string, allow: QueryAllow = NONE): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return text.replace(/[?#].*$/s, "");
  }
  if (!SCHEMES.test(url.protocol)) return url.protocol;
  url.username = "";
  url.password = "";
  const query = (part: string): string => maskQuery(part, allow);
  url.pathname = maskPath(url.pathname);
  url.search = query(url.search);
  url.hash = /^#!?\//.test(url.hash) ? maskPath(url.hash.replace(/\?.*$/s, query)) : "";
  return url.href;
}

/** The text with the URLs in it masked. The line and column that a stack trace puts behind a URL stay. */
export function maskUrlsIn(text: string, allow: QueryAllow = NONE): string {
  return text.replace(URL_IN_TEXT, (url) => {
    const position = LINE_AND_COLUMN.exec(url)?.[0] ?? "";
    return maskUrl(url.slice(0, url.length - position.length), allow) + position;
  });
}

// `content`, `quotes` and custom properties can hold text; a value is a row of urls, strings and other things.
const CSS_TEXT =
  /((?:\b(?:content|quotes)|--[\w-]+)\s*:)((?:url\((?:"[^"]*"|'[^']*'|[^)"']*)\)|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^;}"'])*)/gs;
const CSS_URL_OR_STRING =
  /url\((?:"[^"]*"|'[^']*'|[^)"']*)\)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/gs;
const CSS_URL = /url\(\s*(["']?)((?!data:)[^"')]+)\1\s*\)/g;

/** The style sheet or declarations with the URLs masked, and the text that they put onto the page. */
export function maskCss(css: string, allow: QueryAllow = NONE): string {
  return css
    .replace(CSS_URL, (_, quote, url) => `url(${quote}${maskUrl(url, allow)}${quote})`)
    .replace(CSS_TEXT, (_, name, value: string) => {
      const masked = value.replace(CSS_URL_OR_STRING, (all, double, single) => {
        const text = double ?? single;
        // One or two characters are a bullet, a quotation mark, or an icon of a font.
        return text === undefined || text.length < 3
          ? all
          : all.charAt(0) + maskWords(text) + all.charAt(0);
      });
      return name + masked;
    });
}

// A parameter without a name is as likely a token as a switch, and is masked whole.
function maskQuery(query: string, allow: QueryAllow): string {
  return query.replace(/[^?&]+/g, (parameter) => {
    const equals = parameter.indexOf("=");
    if (equals > 0 && allow.has(parameter.slice(0, equals))) return parameter;
    return parameter.slice(0, equals + 1) + maskText(parameter.slice(equals + 1));
  });
}

function maskPath(path: string): string {
  return path.replace(/[^/]*(?:@|%40)[^/]*/gi, maskText);
}
