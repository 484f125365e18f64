/**
 * The page's DOM, by rrweb. What it may read of text and fields is asked of {@link Privacy} as it reads.
 */
import { record } from "@rrweb/record";
import { FULL_SNAPSHOT, META, type RecordedEvent } from "../events.js";
import type { Options } from "../options.js";
import { IGNORE, type Mirror, type Privacy } from "../privacy.js";
import { beyond } from "./beyond.js";

export interface DomCapture {
  /** Records a checkpoint, a meta event and a full snapshot, if the page is far enough to have had its first. */
  checkpoint(): void;
  stop(): void;
}

/** From rrweb's ids to the page's nodes. */
export const mirror: Mirror = record.mirror;

// `input` covers every type of input there is or will be, also those that `maskAllInputs` leaves out (hidden, file).
const ASKED_INPUTS = { input: true, textarea: true, select: true };

/** Starts with a checkpoint, at once or when the document is parsed. `failed` hears of defects inside rrweb's observers. */
export function recordDom(
  emit: (event: RecordedEvent) => void,
  failed: (error: unknown) => void,
  privacy: Privacy,
  options: Options,
): DomCapture {
  let begun = false;
  /** Waits for its full snapshot, which a page that is being torn down may not give. */
  let meta: RecordedEvent | undefined;
  const more = beyond(options, privacy);
  const stop = record<RecordedEvent>({
    emit(event) {
      // That the document was parsed and loaded is nothing a replay shows.
      if (event.type < FULL_SNAPSHOT) return;
      const masked = more.isForeign() ? event : privacy.event(event);
      if (event.type === META) {
        meta = masked;
        return;
      }
      if (event.type === FULL_SNAPSHOT && meta) {
        begun = true;
        emit(meta);
      }
      emit(masked);
    },
    ...more.options,
    recordAfter: "DOMContentLoaded",
    blockSelector: privacy.block,
    ignoreSelector: IGNORE,
    maskInputOptions: ASKED_INPUTS,
    maskInputFn: (value, field) => privacy.field(value, field),
    maskTextSelector: "*",
    maskTextFn: (text, element) => privacy.textIn(element, text),
    slimDOMOptions: "all",
    errorHandler(error) {
      // rrweb also calls the page's own functions inside this guard (`insertRule` and its like), whose exceptions the page must see.
      if (error instanceof DOMException) return false;
      failed(error);
      return true;
    },
  });
  more.started();
  if (stop === undefined) throw new Error("rrweb did not start");
  return {
    checkpoint() {
      if (begun) record.takeFullSnapshot(true);
    },
    stop() {
      more.stop();
      stop();
    },
  };
}
