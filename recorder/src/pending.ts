/**
 * Events on their way into a batch, as lines of NDJSON, and where a row of them may be cut.
 */
import { CUSTOM, FULL_SNAPSHOT, META, type RecordedEvent } from "./events.js";

/** One event as it will be uploaded. `line` has no newline. */
export interface EventLine {
  readonly line: string;
  readonly type: number;
  /** Of a custom event. */
  readonly tag: string | undefined;
  readonly timestamp: number;
}

export function eventLine(event: RecordedEvent): EventLine {
  const tag = event.type === CUSTOM ? event.data.tag : undefined;
  return { line: JSON.stringify(event), type: event.type, tag, timestamp: event.timestamp };
}

/** UTF-16 units of all lines with their newlines: what they take in memory, and about what they take as bytes. */
export function charsOf(events: readonly EventLine[]): number {
  return events.reduce((sum, { line }) => sum + line.length + 1, 0);
}

/**
 * Two parts, each about half of the events' weight, or undefined where no cut is allowed: a meta event and its full
 * snapshot, a checkpoint, stay together.
 */
export function halve(
  events: readonly EventLine[],
  weight: (event: EventLine) => number,
): [EventLine[], EventLine[]] | undefined {
  const half = events.reduce((sum, event) => sum + weight(event), 0) / 2;
  let best: { at: number; off: number } | undefined;
  let before = 0;
  for (let at = 1; at < events.length; at++) {
    const previous = events[at - 1] as EventLine;
    before += weight(previous);
    if (previous.type === META && events[at]?.type === FULL_SNAPSHOT) continue;
    const off = Math.abs(before - half);
    if (best === undefined || off < best.off) best = { at, off };
  }
  return best && [events.slice(0, best.at), events.slice(best.at)];
}

/** The events since the last batch. */
export class Pending {
  private events: EventLine[] = [];
  /** UTF-16 units of the lines with their newlines. */
  chars = 0;

  get length(): number {
    return this.events.length;
  }

  push(event: EventLine): void {
    this.events.push(event);
    this.chars += event.line.length + 1;
  }

  /** All of them, in order; none are left. */
  take(): EventLine[] {
    const events = this.events;
    this.events = [];
    this.chars = 0;
    return events;
  }
}
