/**
 * Errors that nobody caught, and those that the page hands in.
 */
import type { Emit, Payloads } from "../events.js";
import type { Guard } from "../guard.js";
import { maskUrl, maskUrlsIn } from "../mask.js";

type ErrorPayload = Payloads["tapedeck.error"];

const TYPE_CHARS_MAX = 200;
const MESSAGE_CHARS_MAX = 4_000;
const STACK_CHARS_MAX = 16_000;

export class ErrorCapture {
  /** Errors recorded before: one that is handed in and then thrown on is one error. */
  private readonly seen = new WeakSet<object>();

  constructor(private readonly emit: Emit) {}

  /** Listens until the function it returns is called. */
  listen(guard: Guard): () => void {
    const onError = guard((event: ErrorEvent) => {
      this.add(event.error ?? event.message, {
        handled: false,
        mechanism: "onerror",
        source: event.filename ? maskUrl(event.filename) : undefined,
        line: event.lineno || undefined,
        column: event.colno || undefined,
      });
    });
    const onRejection = guard((event: PromiseRejectionEvent) => {
      this.add(event.reason, { handled: false, mechanism: "unhandledrejection" });
    });
    window.addEventListener("error", onError);
    window.addEventListener("unhandledrejection", onRejection);
    return () => {
      window.removeEventListener("error", onError);
      window.removeEventListener("unhandledrejection", onRejection);
    };
  }

  /** Records an error that the page caught. */
  capture(error: unknown): void {
    this.add(error, { handled: true, mechanism: "api" });
  }

  private add(
    error: unknown,
    how: Pick<ErrorPayload, "handled" | "mechanism"> &
      Partial<Pick<ErrorPayload, "source" | "line" | "column">>,
  ): void {
    if (typeof error === "object" && error !== null) {
      if (this.seen.has(error)) return;
      this.seen.add(error);
    }
    this.emit("tapedeck.error", {
      ...describeError(error),
      source: undefined,
      line: undefined,
      column: undefined,
      ...how,
    });
  }
}

/** Type, message and stack of whatever was thrown. URLs in them are masked, since an inline script's frames carry the page's. */
export function describeError(thrown: unknown): Pick<ErrorPayload, "type" | "message" | "stack"> {
  try {
    if (typeof thrown !== "object" || thrown === null)
      return described("Error", String(thrown), undefined);
    const { name, message, stack } = thrown as Record<string, unknown>;
    // Of an object that is no error only the keys are told: its values may be anything of the visitor's.
    const text =
      typeof message === "string" ? message : `object with keys ${Object.keys(thrown).join(", ")}`;
    return described(name, text, stack);
  } catch {
    // A getter or a proxy of the page's may throw.
    return described("Error", "what was thrown cannot be read", undefined);
  }
}

function described(
  name: unknown,
  message: string,
  stack: unknown,
): Pick<ErrorPayload, "type" | "message" | "stack"> {
  return {
    type: typeof name === "string" && name !== "" ? name.slice(0, TYPE_CHARS_MAX) : "Error",
    message: maskUrlsIn(message.slice(0, MESSAGE_CHARS_MAX)),
    stack: typeof stack === "string" ? maskUrlsIn(stack.slice(0, STACK_CHARS_MAX)) : undefined,
  };
}
