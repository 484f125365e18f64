/**
 * For pages that trace themselves with OpenTelemetry: the session on every span, so that a trace leads to its recording and back.
 */
/** https://opentelemetry.io/docs/specs/semconv/registry/attributes/session/ */
export const SESSION_ATTRIBUTE = "session.id";

/** As much of a span as is needed of it. */
interface Span {
  setAttribute(name: string, value: string): unknown;
}

/** A `SpanProcessor` that puts `session.id` on each span that starts while the page is recorded. */
export class SessionSpanProcessor {
  /** `sessionId` is the recorder's `getSessionId`. */
  constructor(private readonly sessionId: () => string | undefined) {}

  onStart(span: Span): void {
    const session = this.sessionId();
    if (session !== undefined) span.setAttribute(SESSION_ATTRIBUTE, session);
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
