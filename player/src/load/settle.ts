import {
  EventType,
  type eventWithTime,
  IncrementalSource,
  type incrementalSnapshotEvent,
  type mousemoveData,
  type mousePosition,
} from "@rrweb/types";

/**
 * The same events with times that rrweb can seek by, sorted.
 *
 * - A batch of positions (mouse, touch, drag) becomes one event a position, at its own time. rrweb stamps a batch with its end and takes its
 *   beginning for what was last played, so that going on after a pause would apply up to half a second of changes twice.
 * - A meta event takes the time of the full snapshot that directly follows it, which is the checkpoint's time. rrweb plays from the last meta
 *   event before a moment; one between the two would show an empty page.
 */
export function settleTimes(events: readonly eventWithTime[]): eventWithTime[] {
  const settled: eventWithTime[] = [];
  events.forEach((event, index) => {
    const next = events[index + 1];
    const positions = positionsOf(event);
    if (event.type === EventType.Meta && next?.type === EventType.FullSnapshot) {
      settled.push({ ...event, timestamp: next.timestamp });
    } else if (positions !== null) {
      for (const position of positions) {
        settled.push({
          ...event,
          timestamp: event.timestamp + Math.round(position.timeOffset),
          data: {
            ...(event as incrementalSnapshotEvent).data,
            positions: [{ ...position, timeOffset: 0 }],
          },
        } as eventWithTime);
      }
    } else {
      settled.push(event);
    }
  });
  return settled.sort((a, b) => a.timestamp - b.timestamp);
}

function positionsOf(event: eventWithTime): mousePosition[] | null {
  if (event.type !== EventType.IncrementalSnapshot) return null;
  const { source } = event.data;
  if (
    source !== IncrementalSource.MouseMove &&
    source !== IncrementalSource.TouchMove &&
    source !== IncrementalSource.Drag
  ) {
    return null;
  }
  const positions: unknown = (event.data as mousemoveData).positions;
  return Array.isArray(positions) ? positions.filter(isPosition) : [];
}

/** rrweb batches positions for half a second; a minute is generous, and keeps a forged offset from moving an event far away. */
const POSITION_OFFSET_MS_MAX = 60_000;

function isPosition(value: unknown): value is mousePosition {
  if (typeof value !== "object" || value === null) return false;
  const { x, y, id, timeOffset } = value as Record<string, unknown>;
  return (
    [x, y, id, timeOffset].every((field) => typeof field === "number" && Number.isFinite(field)) &&
    Math.abs(timeOffset as number) <= POSITION_OFFSET_MS_MAX
  );
}
