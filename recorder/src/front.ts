/**
 * The recorder's interface to the page. Nothing happens before `start`, and nothing here throws into the page: what goes wrong is
 * told to the listeners of `on("state", …)`.
 */

import { cookiesOf } from "./cookies.js";
import type { Call, Properties, RecorderProper } from "./host.js";
import { checkOptions, fitsAny, type Options } from "./options.js";
import type { StateChange } from "./state.js";
import { OPT_OUT_KEY, SafeStorage } from "./storage.js";
import { Visit } from "./visit.js";

type StateListener = (change: StateChange) => void;
/** Gets the recorder proper that can do what the options ask for. */
type Loader = (options: Options) => Promise<RecorderProper>;

const listeners = new Set<StateListener>();
const shared = new SafeStorage(() =>
  options?.sharedDomain ? cookiesOf(options.sharedDomain) : localStorage,
);
const tab = new SafeStorage(() => sessionStorage);
let load: Loader;
let options: Options | undefined;
let visit: Visit | undefined;
/** Whether the page wants to be recorded, as far as that is allowed. */
let isWanted = false;
let consent: boolean | undefined;
/** What the page said of the visitor, which holds for the page's life. */
const told = new Map<string, Call>();
let latest: StateChange = { state: "idle", reason: "page" };

/** Says how to get the recorder proper. @internal */
export function loadWith(loader: Loader): void {
  load = loader;
}

/** Says where recordings go. Needed once, before {@link start}. */
export function init(given: Options): void {
  attempt(() => {
    options = checkOptions(given);
  });
}

/** Starts recording this page, or does nothing if it is being recorded. */
export function start(): void {
  attempt(() => {
    if (visit && !visit.isOver) return;
    if (!options) throw new TypeError("start before a valid init");
    isWanted = true;
    const reason = forbidden(options);
    if (reason !== undefined) {
      report({ state: "idle", reason });
      return;
    }
    const started: Visit = new Visit(
      options,
      consent,
      globalThis.fetch.bind(globalThis),
      shared,
      tab,
      () => load(started.options),
      (change) => {
        // One that was stopped may still be uploading; the state is that of its successor.
        if (visit === started) report(change);
      },
    );
    visit = started;
    started.start();
    for (const call of told.values()) started.take(call);
  });
}

/** Ends the recording of this page. What was recorded is still sent. */
export function stop(): void {
  attempt(() => {
    isWanted = false;
    if (visit && !visit.isOver) visit.stop();
  });
}

/** Resolves when everything recorded up to now is confirmed by the edge or has been given up. Never rejects. */
export async function flush(): Promise<void> {
  try {
    await visit?.flush();
  } catch (error) {
    failure(error);
  }
}

/** Says who the visitor is, at any moment. Holds for this page load, also in a session that begins later in it. */
export function identify(user: string, traits: Properties = {}): void {
  take(() => tell({ do: "identify", user: String(user), traits: copy(traits) }));
}

/** Says more about the visitor or the page, at any moment; what was said before under other names stays. */
export function setAttributes(attributes: Properties): void {
  take(() => {
    const before = told.get("attributes") as { attributes: Properties } | undefined;
    return tell({ do: "attributes", attributes: { ...before?.attributes, ...copy(attributes) } });
  });
}

/** Records an event of the page's own. */
export function track(name: string, properties: Properties = {}): void {
  take(() => ({ do: "track", name, properties: copy(properties) }));
}

/** Records an error that the page caught. */
export function captureError(error: unknown): void {
  take(() => ({ do: "error", error }));
}

/** Keeps this session for people who help the visitor, whatever the rates say, with what is still in memory of it. */
export function markSupport(ticket: string): void {
  take(() => ({ do: "keep", reason: "support", support: ticket }));
}

/** Keeps this session because the page says so, whatever the rates say, with what is still in memory of it. */
export function keep(): void {
  take(() => ({ do: "keep", reason: "manual" }));
}

/**
 * Says whether the visitor agrees to be recorded. A refusal ends the recording, sends nothing more, removes what the browser keeps
 * of it, and holds on this browser until they agree.
 */
export function setConsent(given: boolean): void {
  attempt(() => {
    consent = given;
    if (given) {
      shared.remove(OPT_OUT_KEY);
      if (isWanted) start();
    } else {
      visit?.forget("opt_out");
      for (const key of ["tab", "queue"]) tab.remove(`tapedeck.${key}`);
      shared.set(OPT_OUT_KEY, "1");
    }
  });
}

/**
 * The session that this page is recorded in, or was last; undefined before {@link start}, and once it is known that the session
 * is not sampled.
 */
export function getSessionId(): string | undefined {
  return visit?.sessionId;
}

/**
 * A link that opens this session in the player, at this moment if `at` is `"now"`, otherwise from its start. Undefined where there is
 * no session, or `init` was not told where the player is, or the recorder is not there yet.
 */
export function getReplayUrl({ at }: { at?: "now" } = {}): string | undefined {
  return visit?.replayUrl(at);
}

/** Calls `listener` at each change of state, beginning with the present one, until the function it returns is called. */
export function on(_event: "state", listener: StateListener): () => void {
  listeners.add(listener);
  notify(listener, latest);
  return () => listeners.delete(listener);
}

/** Why nothing may be recorded here. */
function forbidden(options: Options): string | undefined {
  if (consent === false || (consent === undefined && shared.get(OPT_OUT_KEY) !== undefined))
    return "opt_out";
  if (consent === undefined && options.consent === "required") return "consent";
  return fitsAny(options.excludedPages, location.pathname) ? "excluded_page" : undefined;
}

function take(make: () => Call): void {
  attempt(() => {
    const call = make();
    visit?.take(call);
  });
}

function tell(call: Call): Call {
  told.set(call.do, call);
  return call;
}

// The page may go on to change what it handed in. What is no JSON throws, which the listeners hear of.
function copy(properties: Properties): Properties {
  return JSON.parse(JSON.stringify(properties));
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
  for (const listener of listeners) notify(listener, change);
}

// A listener that throws is the page's defect, and shows where the page's defects show.
function notify(listener: StateListener, change: StateChange): void {
  try {
    listener(change);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
