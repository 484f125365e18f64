/**
 * The script-tag build: `<script src="…/tapedeck.js" data-key="pk_…" data-edge="https://…"></script>` starts recording, and the
 * interface is the global `Tapedeck`. This part decides whether to record, and only then loads `tapedeck-recorder.js`, which lies
 * beside it.
 */
import {
  captureError,
  flush,
  getReplayUrl,
  getSessionId,
  identify,
  init,
  keep,
  loadWith,
  markSupport,
  on,
  setAttributes,
  setConsent,
  start,
  stop,
  track,
} from "./front.js";
import type { RecorderProper } from "./host.js";
import type { Options } from "./options.js";

const tapedeck = {
  captureError,
  flush,
  getReplayUrl,
  getSessionId,
  identify,
  init,
  keep,
  markSupport,
  on,
  setAttributes,
  setConsent,
  start,
  stop,
  track,
};

const script = document.currentScript as HTMLScriptElement | null;

// By `import`, since that inherits this script's nonce and is no sink of Trusted Types.
loadWith(async ({ canvas, crossOriginFrames }) => {
  const file = `tapedeck-recorder${canvas || crossOriginFrames ? "-full" : ""}.js`;
  const { href } = new URL(file, script?.src || location.href);
  return ((await import(href)) as { Recorder: RecorderProper }).Recorder;
});

/** Attributes that are lists, and those that are switches, by a part of their names that no other has. */
const LISTS = /Allow|Pages|segm|Orig/;
const SWITCHES = /mask|Buff|canv|Frames|worker/;

const data = script?.dataset;
// Without a key the page calls `init` and `start` itself.
if (data?.key !== undefined) {
  const options: Record<string, unknown> = { ...data };
  for (const [name, value = ""] of Object.entries(data)) {
    if (SWITCHES.test(name)) options[name] = value !== "false";
    else if (LISTS.test(name)) options[name] = value.split(/[\s,]+/);
  }
  init(options as unknown as Options);
  start();
}

// What the page called before this script was there, where it was told to by the snippet of the README.
const page = globalThis as { Tapedeck?: unknown };
const { q: queued } = (page.Tapedeck ?? {}) as { q?: [string, ...unknown[]][] };
page.Tapedeck = tapedeck;
const calls = tapedeck as unknown as Record<string, (...given: unknown[]) => unknown>;
for (const [name, ...given] of queued ?? []) calls[name]?.(...given);
