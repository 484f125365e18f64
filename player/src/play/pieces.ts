import { EventType, type eventWithTime, IncrementalSource } from "@rrweb/types";

/** The events of one chunk, sorted by time, as the loader keeps them. */
export interface Piece {
  name: string;
  events: readonly eventWithTime[];
}

/**
 * The events of successive pieces as one stream, sorted.
 *
 * rrweb takes what is not later than the last event it played for played. So what a piece holds at or before the end of the one before is moved
 * behind that, else it would be left out when the piece arrives late: batches may be cut within a millisecond, and clocks are set back.
 * Positions of the pointer stay where they are: they are recorded late, and nothing depends on one.
 */
export function joined(pieces: readonly Piece[]): eventWithTime[] {
  const stream: eventWithTime[] = [];
  let endMs = Number.NEGATIVE_INFINITY;
  for (const { events } of pieces) {
    const floorMs = endMs;
    for (const event of events) {
      const early = event.timestamp <= floorMs && !isPosition(event);
      const kept = early ? { ...event, timestamp: floorMs + 1 } : event;
      endMs = Math.max(endMs, kept.timestamp);
      stream.push(kept);
    }
  }
  return stream.sort((a, b) => a.timestamp - b.timestamp);
}

export function samePieces(a: readonly Piece[], b: readonly Piece[]): boolean {
  return a.length === b.length && a.every((piece, index) => piece.name === b[index]?.name);
}

/**
 * Whether a replayer that holds `now` can be given `next` instead. It can if they have nothing in common, since rrweb then begins anew at a
 * checkpoint, and if `next` only appends, or drops from the start: then what was applied stays applied.
 */
export function continues(now: readonly Piece[], next: readonly Piece[]): boolean {
  const from = now.findIndex((piece) => piece.name === next[0]?.name);
  if (from < 0)
    return next.length > 0 && !next.some((piece) => now.some((other) => other.name === piece.name));
  return samePieces(now.slice(from, from + next.length), next.slice(0, now.length - from));
}

/** Where the pointer was, and nothing else. */
export function isPosition(event: eventWithTime): boolean {
  return (
    event.type === EventType.IncrementalSnapshot &&
    (event.data.source === IncrementalSource.MouseMove ||
      event.data.source === IncrementalSource.TouchMove ||
      event.data.source === IncrementalSource.Drag)
  );
}
