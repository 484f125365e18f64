/**
 * Requests to the edge: without credentials, referrer or anything else that tells more than it must.
 */

/** `fetch`, as the browser has it. */
export type Fetch = typeof fetch;

/** An HTTP answer. */
export interface Answer {
  readonly status: number;
  /** The body as JSON, undefined if it is none. */
  readonly body: unknown;
  readonly retryAfter: string | null;
}

/** Bodies of `keepalive` requests in flight, all together, may have this many bytes; one more and the browser refuses the request. */
export const KEEPALIVE_BYTES_MAX = 65_536;

/** The answer's status, `Retry-After` and body as JSON (undefined if it is none), or undefined if there was none within `timeoutMs`. */
export async function request(
  fetch: Fetch,
  url: string,
  init: RequestInit,
  timeoutMs: number,
): Promise<Answer | undefined> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const response = await fetch(url, {
      ...init,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: abort.signal,
    });
    const text = await response.text();
    return {
      status: response.status,
      retryAfter: response.headers.get("Retry-After"),
      body: parseJson(text),
    };
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
