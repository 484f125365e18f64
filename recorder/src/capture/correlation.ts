/**
 * The session and a trace id on the page's requests, so that a server's records can be joined with the recording: only on those to the
 * page's own origin, and to origins that were named.
 */

const SESSION_HEADER = "X-Session-ID";
const TRACE_HEADER = "traceparent";
/** An error is said to be of the trace of a request at most this long before it. */
const RECENT_MS = 10_000;

export class Correlation {
  private latest: { readonly trace: string; readonly atMs: number } | undefined;

  /** `session` gives the session that requests are marked with, undefined while there is none. */
  constructor(
    private readonly session: () => string | undefined,
    private readonly origins: readonly string[],
  ) {}

  /** Sets what is missing of our headers, where they may be set; returns the request's trace id, if it has one. */
  mark(
    url: string,
    get: (name: string) => string | null | undefined,
    set: (name: string, value: string) => void,
  ): string | undefined {
    const session = this.session();
    const { origin } = new URL(url);
    if (session === undefined) return undefined;
    if (origin !== location.origin && !this.origins.includes(origin)) return undefined;
    const present = get(TRACE_HEADER);
    const parent = present ?? newTraceParent();
    if (present == null) set(TRACE_HEADER, parent);
    if (get(SESSION_HEADER) == null) set(SESSION_HEADER, session);
    const trace = parent.split("-")[1];
    if (trace) this.latest = { trace, atMs: Date.now() };
    return trace;
  }

  /** The trace of the last request that was marked, if that was a moment before. */
  traceAt(atMs: number): string | undefined {
    return this.latest && atMs - this.latest.atMs < RECENT_MS ? this.latest.trace : undefined;
  }
}

/** https://www.w3.org/TR/trace-context/: version, trace, parent, and that it is sampled. */
function newTraceParent(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
}
