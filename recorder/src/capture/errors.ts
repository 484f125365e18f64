/**
 * Errors that nobody caught, and those that the page hands in.
 */
import type { ErrorFacts, Payloads, StackFrame } from "../events.js";
import type { Guard } from "../guard.js";
import type { Privacy } from "../privacy.js";
import { debugIds, framesOf } from "./frames.js";

type ErrorPayload = Payloads["tapedeck.error"];
/** Records an error that happened then. */
type EmitError = (payload: ErrorPayload, atMs: number) => void;

const TYPE_CHARS_MAX = 200;
const MESSAGE_CHARS_MAX = 4_000;
const STACK_CHARS_MAX = 16_000;
const CAUSES_MAX = 5;

export class ErrorCapture {
  /** Errors recorded before: one that is handed in and then thrown on is one error. */
  private readonly seen = new WeakSet<object>();

  constructor(
    private readonly emit: EmitError,
    private readonly privacy: Privacy,
    private readonly traceAt: (atMs: number) => string | undefined,
  ) {}

  /** Listens until the function it returns is called. */
  listen(guard: Guard): () => void {
    const onError = guard((event: ErrorEvent | PromiseRejectionEvent) =>
      this.uncaught(event, Date.now()),
    );
    addEventListener("error", onError);
    addEventListener("unhandledrejection", onError);
    return () => {
      removeEventListener("error", onError);
      removeEventListener("unhandledrejection", onError);
    };
  }

  /** Records what the browser reported then. */
  uncaught(event: ErrorEvent | PromiseRejectionEvent, atMs: number): void {
    if ("reason" in event) {
      this.add(event.reason, { handled: false, mechanism: "unhandledrejection" }, atMs);
      return;
    }
    const { error, message, filename, lineno, colno } = event;
    this.add(
      error ?? message,
      {
        handled: false,
        mechanism: "onerror",
        source: filename ? this.privacy.url(filename) : undefined,
        line: lineno || undefined,
        column: colno || undefined,
      },
      atMs,
    );
  }

  /** Records an error that the page caught. */
  caught(error: unknown, atMs: number): void {
    this.add(error, { handled: true, mechanism: "api" }, atMs);
  }

  private add(
    error: unknown,
    how: Pick<ErrorPayload, "handled" | "mechanism"> &
      Partial<Pick<ErrorPayload, "source" | "line" | "column">>,
    atMs: number,
  ): void {
    if (typeof error === "object" && error !== null) {
      if (this.seen.has(error)) return;
      this.seen.add(error);
    }
    const [facts, ...causes] = describeChain(error, this.privacy);
    this.emit(
      {
        ...(facts as ErrorFacts),
        source: undefined,
        line: undefined,
        column: undefined,
        causes: causes.length > 0 ? causes : undefined,
        frames: this.frames(facts?.stack, error),
        trace: this.traceAt(atMs),
        ...how,
      },
      atMs,
    );
  }

  /** Of the stack as it is told, with the debug ids of the files as the browser names them. */
  private frames(stack: string | undefined, error: unknown): StackFrame[] | undefined {
    if (stack === undefined) return undefined;
    const frames = framesOf(stack);
    const ids = debugIds();
    if (ids.size > 0) {
      const files = framesOf((error as Error).stack ?? "").map(({ file }) => ids.get(file));
      frames.forEach((frame, i) => {
        frame.debug_id = files[i];
      });
    }
    return frames;
  }
}

/** The error, what caused it, and what caused that: at least one, and a bounded number. */
function describeChain(thrown: unknown, privacy: Privacy): ErrorFacts[] {
  const chain = [describeError(thrown, privacy)];
  try {
    let cause = (thrown as { cause?: unknown } | null | undefined)?.cause;
    while (cause !== undefined && cause !== null && chain.length <= CAUSES_MAX) {
      chain.push(describeError(cause, privacy));
      cause = (cause as { cause?: unknown }).cause;
    }
  } catch {
    // A getter or a proxy of the page's may throw; what was told before stands.
  }
  return chain;
}

/** Type, message and stack of whatever was thrown. URLs in them are masked, since an inline script's frames carry the page's. */
function describeError(thrown: unknown, privacy: Privacy): ErrorFacts {
  const described = (name: unknown, message: string, stack?: unknown): ErrorFacts => ({
    type: typeof name === "string" && name !== "" ? name.slice(0, TYPE_CHARS_MAX) : "Error",
    message: privacy.words(message.slice(0, MESSAGE_CHARS_MAX)),
    stack: typeof stack === "string" ? privacy.words(stack.slice(0, STACK_CHARS_MAX)) : undefined,
  });
  try {
    if (typeof thrown !== "object" || thrown === null) return described("Error", String(thrown));
    const { name, message, stack } = thrown as Record<string, unknown>;
    // Of an object that is no error only the keys are told: its values may be anything of the visitor's.
    const text =
      typeof message === "string" ? message : `object with keys ${Object.keys(thrown).join(", ")}`;
    return described(name, text, stack);
  } catch {
    // A getter or a proxy of the page's may throw.
    return described("Error", "what was thrown cannot be read");
  }
}
