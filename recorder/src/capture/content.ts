/**
 * What requests carry, of those that the project's configuration allows and as far as it does; of all others nothing.
 */
import type { NetworkRules } from "../config.js";
import type { Payloads } from "../events.js";
import { fitsAny } from "../options.js";
import type { Privacy } from "../privacy.js";

const BODY_CHARS_MAX = 10_000;
/** A body that is not there this long after the headers is not waited for. */
export const BODY_MS = 2_000;
/** Headers that are never recorded, whoever allows it. */
const SECRET = /auth|cookie|token|secret|passw|session|key/i;
const TEXT = /json|text\/(?!event-stream)|xml|form-urlencoded/;

export type Content = Pick<
  Payloads["tapedeck.request"],
  "request_headers" | "response_headers" | "request_body" | "response_body"
>;

export class ContentRules {
  private readonly names: readonly string[];

  constructor(
    private readonly rules: NetworkRules,
    private readonly privacy: Privacy,
  ) {
    this.names = (rules.headers ?? []).filter((name) => !SECRET.test(name));
  }

  /** Whether more than the facts of this request is recorded. */
  allow(url: string): boolean {
    const { origin, pathname } = new URL(url);
    const { urls } = this.rules;
    return fitsAny(urls, origin + pathname) || fitsAny(urls, pathname);
  }

  headers(get: (name: string) => string | null | undefined): Record<string, string> | undefined {
    const found = this.names.flatMap((name) => {
      const value = get(name);
      return value == null ? [] : [[name.toLowerCase(), this.privacy.words(value)]];
    });
    return found.length > 0 ? Object.fromEntries(found) : undefined;
  }

  /** A body that is text already, or fields of a form. */
  body(body: unknown): string | undefined {
    if (!this.rules.bodies) return undefined;
    if (typeof body !== "string" && !(body instanceof URLSearchParams)) return undefined;
    return this.privacy.words(String(body).slice(0, BODY_CHARS_MAX)) || undefined;
  }

  /** The beginning of an answer's text. The page's own answer is not touched: a copy is read, and not to its end. */
  async answer(response: Response): Promise<string | undefined> {
    if (!this.rules.bodies || !TEXT.test(response.headers.get("content-type") ?? ""))
      return undefined;
    const reader = response.clone().body?.getReader();
    const decoder = new TextDecoder();
    let text = "";
    const late = setTimeout(() => void reader?.cancel(), BODY_MS);
    while (reader !== undefined && text.length < BODY_CHARS_MAX) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    clearTimeout(late);
    // Not awaited: a copy's end is only told when the page has read its own.
    void reader?.cancel();
    return this.body(text);
  }
}
