/**
 * What a page may ask for beyond its own DOM: its canvases, and frames of other origins. The script tag loads it, and what of rrweb it needs,
 * only where it is asked for.
 */
import type { record } from "@rrweb/record";
import type { RecordedEvent } from "../events.js";
import type { Options } from "../options.js";
import type { Privacy } from "../privacy.js";

/** Pictures a second of each canvas. */
const CANVAS_FPS = 2;

export interface Beyond {
  /** Options of rrweb. */
  readonly options: NonNullable<Parameters<typeof record<RecordedEvent>>[0]>;
  /** Whether what rrweb tells now was recorded, and masked, in a frame of another origin. */
  isForeign(): boolean;
  /** To be called once rrweb has started. */
  started(): void;
  stop(): void;
}

export function beyond(
  { canvas = false, crossOriginFrames = false }: Pick<Options, "canvas" | "crossOriginFrames">,
  privacy: Privacy,
): Beyond {
  let isForeign = false;
  const before = ({ data }: MessageEvent): void => {
    isForeign = data?.type === "rrweb";
  };
  const after = (): void => {
    isForeign = false;
  };
  if (crossOriginFrames) addEventListener("message", before, true);
  // Of a frame's own recorder, whose events go to the page around it without passing through us.
  const masking = {
    name: "tapedeck/privacy",
    options: {},
    eventProcessor: (event: unknown) => privacy.event(event as RecordedEvent) as never,
  };
  return {
    options: {
      recordCanvas: canvas,
      recordCrossOriginIframes: crossOriginFrames,
      sampling: canvas ? { canvas: CANVAS_FPS } : {},
      plugins: isRelay({ crossOriginFrames }) ? [masking] : [],
    },
    isForeign: () => isForeign,
    // The browser tells us of a message before rrweb, and again after it.
    started: () => crossOriginFrames && addEventListener("message", after),
    stop() {
      removeEventListener("message", before, true);
      removeEventListener("message", after);
    },
  };
}

/** Whether this page is a frame in one of another origin, and recorded as a part of it. */
export function isRelay({ crossOriginFrames }: Pick<Options, "crossOriginFrames">): boolean {
  if (!crossOriginFrames || window === window.parent) return false;
  try {
    return !window.parent.document;
  } catch {
    return true;
  }
}
