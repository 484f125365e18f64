/**
 * The page's own requests: what was asked, what came of it and when; what they carry only as far as the project's configuration allows it.
 */
import type { Emit, Payloads } from "../events.js";
import type { Guard } from "../guard.js";
import type { Privacy } from "../privacy.js";
import { wrap } from "../wrap.js";
import { BODY_MS, type Content, type ContentRules } from "./content.js";
import type { Correlation } from "./correlation.js";

type Facts = Payloads["tapedeck.request"];

/** How long after a request's end its timings are waited for. */
const TIMINGS_MS = 200;

/** What is asked about each request. */
export interface RequestRules {
  /** Requests to here are ours. */
  readonly edge: string;
  readonly correlation: Correlation;
  readonly content: ContentRules;
  /** Hears of each request's beginning. */
  begun(): void;
}

/** Something of a request that is under way. */
interface Request_ {
  readonly method: string;
  readonly url: string;
  readonly initiator: Facts["initiator"];
  readonly startedMs: number;
  /** On the clock of the browser's own timings. */
  readonly startedAt: number;
  trace: string | undefined;
  /** Of a request of which more than the facts is recorded. */
  content: Content | undefined;
}

export interface RequestCapture {
  /** Records what is over by now, since the page may be gone. */
  settle(): void;
  stop(): void;
}

/** Watches until it is stopped. */
export function watchRequests(
  emit: Emit,
  privacy: Privacy,
  rules: RequestRules,
  guard: Guard,
): RequestCapture {
  const { correlation, content: allowed } = rules;
  /** Requests that are over, whose timings may still come. */
  const waiting = new Set<() => void>();
  /** What is needed of a request that is none of ours. */
  const begin = (
    method: string,
    target: unknown,
    initiator: Facts["initiator"],
  ): Request_ | undefined => {
    const url = absolute(target);
    if (url === undefined || url.startsWith(rules.edge)) return undefined;
    rules.begun();
    return {
      method,
      url,
      initiator,
      startedMs: Date.now(),
      startedAt: performance.now(),
      trace: undefined,
      content: allowed.allow(url) ? {} : undefined,
    };
  };
  /** `waitMs` is how long something of the answer may still come. */
  const end = guard(
    (
      request: Request_,
      status: number | undefined,
      failure: Facts["failure"] = undefined,
      waitMs: number = 0,
    ) => {
      const durationMs = Date.now() - request.startedMs;
      const settle = guard(() => {
        clearTimeout(timer);
        if (!waiting.delete(settle)) return;
        const { method, url, initiator, startedMs, trace, content } = request;
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
          ...content,
        });
      });
      waiting.add(settle);
      // The browser notes its own timings when the answer's body is there.
      const timer = setTimeout(settle, TIMINGS_MS + waitMs);
    },
  );
  /** Notes what the request carries, if that is recorded. */
  const asked = (
    { content }: Request_,
    get: (name: string) => string | null | undefined,
    body: unknown,
  ): void => {
    if (content === undefined) return;
    content.request_headers = allowed.headers(get);
    content.request_body = allowed.body(body);
  };
  const answered = guard((request: Request_, response: Response) => {
    const { content } = request;
    let waitMs = 0;
    if (content !== undefined) {
      waitMs = BODY_MS;
      content.response_headers = allowed.headers((name) => response.headers.get(name));
      allowed.answer(response).then(
        (text) => {
          content.response_body = text;
        },
        // Where the answer breaks off there is nothing to tell of it.
        () => {},
      );
    }
    end(request, response.status, undefined, waitMs);
  });

  const ofXhr = new WeakMap<XMLHttpRequest, Request_ & { headers: Map<string, string> }>();
  const xhr = XMLHttpRequest.prototype;
  const undo = [
    wrap(
      window as { fetch: typeof fetch },
      "fetch",
      (original) =>
        function (this: unknown, ...given: Parameters<typeof fetch>) {
          let request: Request_ | undefined;
          let args = given;
          guard(() => {
            const [input, init] = given;
            const whole = input instanceof Request ? input : undefined;
            request = begin(init?.method ?? whole?.method ?? "GET", whole?.url ?? input, "fetch");
            if (request === undefined) return;
            const headers = new Headers(init?.headers ?? whole?.headers);
            const get = (name: string): string | null => headers.get(name);
            let isMarked = false;
            request.trace = correlation.mark(request.url, get, (name, value) => {
              headers.set(name, value);
              isMarked = true;
            });
            asked(request, get, init?.body);
            // The caller's `Request` goes to `fetch` as it is, with the headers beside it.
            if (isMarked) args = [input, { ...init, headers }];
          })();
          const answer = original.apply(this ?? window, args);
          const watched = request;
          if (watched === undefined) return answer;
          const failed = (error: unknown): void =>
            end(watched, undefined, (error as Error)?.name === "AbortError" ? "abort" : "network");
          // The page gets the promise that ours derives from the browser's. The browser's own would count as handled once we listen to it
          // (ECMA-262, PerformPromiseThen), and `unhandledrejection` would never come for a request that failed and nobody caught.
          return answer.then(
            (response) => {
              answered(watched, response);
              return response;
            },
            (error: unknown) => {
              failed(error);
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
              const { headers, ...facts } = opened;
              const request = { ...facts, startedMs: Date.now(), startedAt: performance.now() };
              const get = (name: string): string | undefined => headers.get(name.toLowerCase());
              request.trace = correlation.mark(request.url, get, (name, value) =>
                this.setRequestHeader(name, value),
              );
              asked(request, get, body);
              let failure: Facts["failure"];
              const failures = { error: "network", abort: "abort", timeout: "timeout" } as const;
              const once = { once: true };
              for (const [event, name] of Object.entries(failures)) {
                this.addEventListener(
                  event,
                  () => {
                    failure = name;
                  },
                  once,
                );
              }
              const onEnd = guard(() => {
                const { content } = request;
                if (content !== undefined) {
                  content.response_headers = allowed.headers((name) =>
                    this.getResponseHeader(name),
                  );
                  if (/^(?:text)?$/.test(this.responseType))
                    content.response_body = allowed.body(this.responseText);
                }
                end(request, this.status, failure);
              });
              this.addEventListener("loadend", onEnd, once);
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

function absolute(url: unknown): string | undefined {
  try {
    return new URL(String(url), document.baseURI).href;
  } catch {
    return undefined;
  }
}

/** What the browser noted of the request, if it tells. */
function timingsOf({ url, startedAt }: Request_): Pick<Facts, "first_byte_ms" | "bytes"> {
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
