/**
 * What the edge's replies mean for a client: the table of `spec/upload.md`.
 */
import type { Answer } from "./http.js";

/** What to do with a batch, and with what comes after it. */
export type Verdict =
  /** It is stored, or was before. */
  | { readonly do: "go-on" }
  /** This batch is not wanted; the next may be. */
  | { readonly do: "drop" }
  /** This batch breaks a rule, and would again. */
  | { readonly do: "refused" }
  /** Nothing of this session is wanted. */
  | { readonly do: "end-session"; readonly reason: string }
  /** The session is over its length. */
  | { readonly do: "new-session" }
  /** This page may not upload at all. */
  | { readonly do: "stop"; readonly reason: string }
  /** The batch is over the limit named. */
  | { readonly do: "split"; readonly limit: string }
  /** The same bytes again later, not before `afterMs` if the edge said so. */
  | { readonly do: "retry"; readonly afterMs: number | undefined };

// A longer wait is not believed: the page will hardly be there.
const RETRY_AFTER_MS_MAX = 10 * 60_000;

/** What the client does with the batch; undefined stands for a network error. */
export function interpret(answer: Answer | undefined): Verdict {
  if (answer === undefined) return { do: "retry", afterMs: undefined };
  const body =
    typeof answer.body === "object" && answer.body !== null
      ? (answer.body as Record<string, unknown>)
      : undefined;
  switch (answer.status) {
    case 200:
      // Not our edge's words, but those of a captive portal or a proxy in between.
      if (body === undefined) return { do: "retry", afterMs: undefined };
      if (body.outcome === "stored" || body.outcome === "duplicate") return { do: "go-on" };
      return body.outcome === "dropped" ? dropped(body.reason) : { do: "refused" };
    case 401:
    case 403:
      return {
        do: "stop",
        reason: typeof body?.error === "string" ? body.error : `status ${answer.status}`,
      };
    case 413:
      return {
        do: "split",
        limit: typeof body?.limit === "string" ? body.limit : "compressed_bytes",
      };
    case 429:
    case 503:
      return { do: "retry", afterMs: retryAfterMs(body?.retry_after_s, answer.retryAfter) };
    default:
      return { do: "refused" };
  }
}

function dropped(reason: unknown): Verdict {
  switch (reason) {
    case "not_sampled":
    case "consent":
    case "bot":
      return { do: "end-session", reason };
    case "session_too_long":
      return { do: "new-session" };
    default:
      return { do: "drop" };
  }
}

// The header can only be read where the edge exposes it, so the body's field comes first.
function retryAfterMs(field: unknown, header: string | null): number | undefined {
  const seconds = typeof field === "number" ? field : header === null ? Number.NaN : Number(header);
  return Number.isFinite(seconds) && seconds >= 0
    ? Math.min(seconds * 1000, RETRY_AFTER_MS_MAX)
    : undefined;
}
