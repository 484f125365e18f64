/**
 * The page's own requests: what was asked, what came of it and when; never what they carry. On those to the page's own origin, and to
 * origins that it named, the session and a trace id are set, so that a server's records can be joined with the recording.
 */
import type { Emit, Payloads } from "../events.js";
import type { Guard } from "../guard.js";
import type { Privacy } from "../privacy.js";
import { wrap } from "../wrap.js";

type Facts = Payloads["tapedeck.request"];

const SESSION_HEADER = "X-Session-ID";
/** How long after a request's end its timings are waited for. */
const TIMINGS_MS = 200;
const TRACE_HEADER = "traceparent";

export interface Correlation {
  /** The session that requests are marked with, undefined while there is none. */
  session(): string | undefined;
  /** Origins besides the page's own. */
  readonly origins: readonly string[];
  /** Requests to here are ours. */
  readonly edge: string;
}

/** Something of a request that is under way. */
interface Request {
  readonly method: string;
  readonly url: string;
  readonly initiator: Facts["initiator"];
  readonly startedMs: number;
  /** On the clock of the browser's own timings. */
  readonly startedAt: number;
  trace: string | undefined;
}

export interface RequestCapture {
  /** Records what is over by now, since the page may be gone. */
  settle(): void;
  stop(): void;
}

/** Watches until it is stopped. `begun` hears of each request's beginning. */
export function watchRequests(
  emit: Emit,
  begun: () => void,
  privacy: Privacy,
  correlation: Correlation,
  guard: Guard,
): RequestCapture {
  /** Requests that are over, whose timings may still come. */
  const waiting = new Set<() => void>();
  /** What is needed of a request that is none of ours. */
  const begin = (method: string, target: unknown, initiator: Facts["initiator"]) => {
    const url = absolute(target);
    if (url === undefined || url.startsWith(correlation.edge)) return undefined;
    begun();
    const [startedMs, startedAt] = [Date.now(), performance.now()];
    return { method, url, initiator, startedMs, startedAt, trace: undefined } as Request;
  };
  const end = guard((request: Request, status: number | undefined, failure?: Facts["failure"]) => {
    const durationMs = Date.now() - request.startedMs;
    const settle = guard(() => {
      clearTimeout(timer);
      if (!waiting.delete(settle)) return;
      const { method, url, initiator, startedMs, trace } = request;
      emit("tapedeck.request", {
        method: method.toUpperCase().slice(0, 20),
        url: privacy.url(url),
        initiator,
        status: status || undefined,
        failure,
        started_ms: startedMs,
        duration_ms: durationMs,
        ...timingsOf(request),
        trace,
      });
    });
    waiting.add(settle);
    // The browser notes its own timings when the answer's body is there.
    const timer = setTimeout(settle, TIMINGS_MS);
  });
  /** Sets what is missing of our headers, where they may be set. */
  const mark = (request: Request, has: (name: string) => string | null | undefined, set: Set_) => {
    const session = correlation.session();
    const { origin } = new URL(request.url);
    if (session === undefined) return;
    if (origin !== location.origin && !correlation.origins.includes(origin)) return;
    const present = has(TRACE_HEADER);
    const parent = present ?? newTraceParent();
    request.trace = parent.split("-")[1];
    if (present == null) set(TRACE_HEADER, parent);
    if (has(SESSION_HEADER) == null) set(SESSION_HEADER, session);
  };

  const ofXhr = new WeakMap<XMLHttpRequest, Request & { headers: Map<string, string> }>();
  const xhr = XMLHttpRequest.prototype;
  const undo = [
    wrap(
      window as { fetch: typeof fetch },
      "fetch",
      (original) =>
        function (this: unknown, ...given: Parameters<typeof fetch>) {
          let request: Request | undefined;
          let args = given;
          guard(() => {
            const [input, init] = given;
            const asked = input instanceof Request ? input : undefined;
            request = begin(init?.method ?? asked?.method ?? "GET", asked?.url ?? input, "fetch");
            if (request === undefined) return;
            const headers = new Headers(init?.headers ?? asked?.headers);
            let isMarked = false;
            mark(
              request,
              (name) => headers.get(name),
              (name, value) => {
                headers.set(name, value);
                isMarked = true;
              },
            );
            // The caller's `Request` goes to `fetch` as it is, with the headers beside it.
            if (isMarked) args = [input, { ...init, headers }];
          })();
          const answer = original.apply(this ?? window, args);
          const watched = request;
          if (watched === undefined) return answer;
          return answer.then(
            (response) => {
              end(watched, response.status);
              return response;
            },
            (error: unknown) => {
              end(
                watched,
                undefined,
                (error as Error)?.name === "AbortError" ? "abort" : "network",
              );
              throw error;
            },
          );
        },
    ),
    wrap(
      xhr as { open: XMLHttpRequest["open"] },
      "open",
      (original) =>
        function (this: XMLHttpRequest, ...args: [string, string | URL]) {
          guard(() => {
            const request = begin(String(args[0]), args[1], "xhr");
            if (request !== undefined) ofXhr.set(this, { ...request, headers: new Map() });
            else ofXhr.delete(this);
          })();
          return original.apply(this, args as never);
        } as XMLHttpRequest["open"],
    ),
    wrap(
      xhr,
      "setRequestHeader",
      (original) =>
        function (this: XMLHttpRequest, name, value) {
          original.call(this, name, value);
          ofXhr.get(this)?.headers.set(String(name).toLowerCase(), String(value));
        },
    ),
    wrap(
      xhr,
      "send",
      (original) =>
        function (this: XMLHttpRequest, body) {
          const opened = ofXhr.get(this);
          if (opened !== undefined) {
            guard(() => {
              const request = {
                ...opened,
                startedMs: Date.now(),
                startedAt: performance.now(),
              };
              mark(
                request,
                (name) => opened.headers.get(name.toLowerCase()),
                (name, value) => this.setRequestHeader(name, value),
              );
              let failure: Facts["failure"];
              const failures = { error: "network", abort: "abort", timeout: "timeout" } as const;
              for (const [event, name] of Object.entries(failures)) {
                this.addEventListener(
                  event,
                  () => {
                    failure = name;
                  },
                  { once: true },
                );
              }
              this.addEventListener("loadend", () => end(request, this.status, failure), {
                once: true,
              });
            })();
          }
          original.call(this, body);
        },
    ),
    wrap(
      navigator as { sendBeacon: Navigator["sendBeacon"] },
      "sendBeacon",
      (original) =>
        function (this: Navigator, ...args) {
          const isTaken = original.apply(this, args);
          guard(() => {
            const request = begin("POST", args[0], "beacon");
            if (request !== undefined) end(request, undefined, isTaken ? undefined : "refused");
          })();
          return isTaken;
        },
    ),
  ];
  return {
    settle() {
      for (const settle of waiting) settle();
    },
    stop() {
      for (const one of undo) one();
      waiting.clear();
    },
  };
}

type Set_ = (name: string, value: string) => void;

function absolute(url: unknown): string | undefined {
  try {
    return new URL(String(url), document.baseURI).href;
  } catch {
    return undefined;
  }
}

/** https://www.w3.org/TR/trace-context/: version, trace, parent, and that it is sampled. */
function newTraceParent(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
}

/** What the browser noted of the request, if it tells. */
function timingsOf({ url, startedAt }: Request): Pick<Facts, "first_byte_ms" | "bytes"> {
  const entries = performance.getEntriesByName(url, "resource") as PerformanceResourceTiming[];
  // Its clock is coarser than ours.
  const entry = entries.find(({ startTime }) => startTime >= startedAt - 1);
  // Another origin's timings are 0 where it does not allow them to be read.
  const first = entry?.responseStart;
  return {
    first_byte_ms: entry && first ? Math.round(first - entry.startTime) : undefined,
    bytes: entry?.transferSize || undefined,
  };
}
