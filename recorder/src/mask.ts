/**
 * What hides text and URLs before they are recorded.
 */

/** As many `*` as the text has UTF-16 units, so that a field keeps its look. */
export function maskText(text: string): string {
  return "*".repeat(text.length);
}

const URL_IN_TEXT = /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>()]+/gi;
const LINE_AND_COLUMN = /(?::\d+){1,2}$/;

/**
 * The URL without user info, its query's values masked, without its fragment unless that is a route (`#/…`), whose own query is
 * masked too. Of `data:` and `javascript:` only the scheme is left. What is no absolute URL is cut where a query or fragment begins.
 */
export function maskUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return text.replace(/[?#].*$/s, "");
  }
  if (url.protocol === "data:" || url.protocol === "javascript:") return url.protocol;
  url.username = "";
  url.password = "";
  url.search = maskQuery(url.search);
  url.hash = /^#!?\//.test(url.hash) ? url.hash.replace(/\?.*$/s, maskQuery) : "";
  return url.href;
}

/** The text with the URLs in it masked. The line and column that a stack trace puts behind a URL stay. */
export function maskUrlsIn(text: string): string {
  return text.replace(URL_IN_TEXT, (url) => {
    const position = LINE_AND_COLUMN.exec(url)?.[0] ?? "";
    return maskUrl(url.slice(0, url.length - position.length)) + position;
  });
}

// A parameter without a name is as likely a token as a switch, and is masked whole.
function maskQuery(query: string): string {
  return query.replace(/[^?&]+/g, (parameter) => {
    const equals = parameter.indexOf("=");
    return parameter.slice(0, equals + 1) + maskText(parameter.slice(equals + 1));
  });
}
