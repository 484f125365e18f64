/** Whether what an event tells is of the form that rrweb relies on: it would throw at what is not, and the whole page load with it. */

import { IncrementalSource, MouseInteractions } from "@rrweb/types";

type Data = Record<string, unknown>;

const isNumber = (value: unknown) => typeof value === "number" && Number.isFinite(value);
const isOptional = (value: unknown, is: (value: unknown) => boolean) =>
  value === undefined || value === null || is(value);
/** Coordinates beyond this are no place on any page. */
const isPlace = (value: unknown) => isNumber(value) && Math.abs(value as number) <= 1e7;

/** `data` of an incremental event. Unknown kinds are shown by no one, and do no harm. */
export function isShown(data: Data): boolean {
  switch (data.source) {
    case IncrementalSource.MouseInteraction:
      return (
        isNumber(data.id) &&
        typeof data.type === "number" &&
        data.type in MouseInteractions &&
        isOptional(data.x, isPlace) &&
        isOptional(data.y, isPlace)
      );
    case IncrementalSource.Scroll:
      return isNumber(data.id) && isPlace(data.x) && isPlace(data.y);
    case IncrementalSource.ViewportResize:
      return isExtent(data.width) && isExtent(data.height);
    case IncrementalSource.Input:
      return (
        isNumber(data.id) && typeof data.text === "string" && typeof data.isChecked === "boolean"
      );
    case IncrementalSource.MediaInteraction:
      return (
        isNumber(data.id) &&
        isNumber(data.type) &&
        isOptional(data.currentTime, (time) => isNumber(time) && (time as number) >= 0) &&
        isOptional(
          data.playbackRate,
          (rate) => isNumber(rate) && (rate as number) >= 0 && (rate as number) <= 16,
        ) &&
        isOptional(
          data.volume,
          (volume) => isNumber(volume) && (volume as number) >= 0 && (volume as number) <= 1,
        )
      );
    case IncrementalSource.Selection:
      return (
        Array.isArray(data.ranges) &&
        data.ranges.length <= 100 &&
        data.ranges.every((range: unknown) => isRange(range))
      );
    case IncrementalSource.CustomElement:
      // rrweb defines elements by these names in the player's own document.
      return false;
    case IncrementalSource.CanvasMutation:
      // Drawn only where scripts are allowed, which they never are.
      return false;
    default:
      return true;
  }
}

function isExtent(value: unknown): boolean {
  return isNumber(value) && (value as number) >= 0 && (value as number) <= 32_768;
}

function isRange(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { start, startOffset, end, endOffset } = value as Data;
  return [start, startOffset, end, endOffset].every(
    (number) => isNumber(number) && (number as number) >= 0,
  );
}
