/**
 * The recorder as a module. Importing it does nothing; see `front.ts` for what each function does.
 *
 * @packageDocumentation
 */
import { loadWith } from "./front.js";
import { Recorder } from "./recorder.js";

export {
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
} from "./front.js";
export type { Options } from "./options.js";
export type { State, StateChange } from "./state.js";

loadWith(() => Promise.resolve(Recorder));
