/**
 * The recorder's interface to the page. Nothing happens before `start`, and nothing here throws into the page: what goes wrong is
 * told to the listeners of `on("state", …)`.
 *
 * @packageDocumentation
 */
import { checkOptions, type Options } from "./options.js";
import { Recorder } from "./recorder.js";
import type { StateChange } from "./state.js";

export type { Options } from "./options.js";
export type { State, StateChange } from "./state.js";

type StateListener = (change: StateChange) => void;

const listeners = new Set<StateListener>();
let options: Options | undefined;
let recorder: Recorder | undefined;
let identity: { user: string; traits: Readonly<Record<string, unknown>> } | undefined;
let latest: StateChange = { state: "idle", reason: "page" };

/** Says where recordings go. Needed once, before {@link start}. */
export function init(given: Options): void {
  attempt(() => {
    options = checkOptions(given);
  });
}

/** Starts recording this page, or does nothing if it is being recorded. */
export function start(): void {
  attempt(() => {
    if (isRunning()) return;
    if (options === undefined)
      throw new TypeError("start was called before init with valid options");
    const started = new Recorder(options, globalThis.fetch.bind(globalThis), (change) => {
      // One that was stopped may still be uploading; the state is that of its successor.
      if (recorder === started) report(change);
    });
    recorder = started;
    started.start();
    if (identity !== undefined) started.identify(identity.user, identity.traits);
  });
}

/** Ends the recording of this page. What was recorded is still sent. */
export function stop(): void {
  attempt(() => {
    if (isRunning()) recorder?.stop();
  });
}

/** Resolves when everything recorded up to now is confirmed by the edge or has been given up. Never rejects. */
export async function flush(): Promise<void> {
  try {
    await recorder?.flush();
  } catch (error) {
    failure(error);
  }
}

/** Says who the visitor is, at any moment. Holds for this page load, also in a session that begins later in it. */
export function identify(user: string, traits: Readonly<Record<string, unknown>> = {}): void {
  attempt(() => {
    identity = { user, traits };
    recorder?.identify(user, traits);
  });
}

/** Records an event of the page's own. */
export function track(name: string, properties: Readonly<Record<string, unknown>> = {}): void {
  attempt(() => recorder?.track(name, properties));
}

/** Records an error that the page caught. */
export function captureError(error: unknown): void {
  attempt(() => recorder?.captureError(error));
}

/**
 * The session that this page is recorded in, or was last; undefined before {@link start}, and once it is known that the session
 * is not sampled.
 */
export function getSessionId(): string | undefined {
  return recorder?.sessionId;
}

/** Calls `listener` at each change of state, beginning with the present one, until the function it returns is called. */
export function on(_event: "state", listener: StateListener): () => void {
  listeners.add(listener);
  tell(listener, latest);
  return () => listeners.delete(listener);
}

function isRunning(): boolean {
  return latest.state !== "idle" && latest.state !== "stopped" && latest.state !== "error";
}

function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    failure(error);
  }
}

function failure(error: unknown): void {
  report({ state: latest.state, reason: "failure", error });
}

function report(change: StateChange): void {
  latest = change;
  for (const listener of [...listeners]) tell(listener, change);
}

// A listener that throws is the page's defect, and shows where the page's defects show.
function tell(listener: StateListener, change: StateChange): void {
  try {
    listener(change);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
