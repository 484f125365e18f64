/**
 * What happened in the last minute of a session that is not sampled, in case it turns out to be worth keeping: begins with a
 * checkpoint, and is bounded.
 */
import { META } from "./events.js";
import { type EventLine, Pending } from "./pending.js";

export const KEPT_MS = 60_000;
/** A new part begins, with a checkpoint, when the last has this age or this many UTF-16 units of JSON. */
const PART_MS = 30_000;
const PART_CHARS = 1024 * 1024;
/** All parts together, of which the last is never dropped. */
const CHARS_MAX = 4 * 1024 * 1024;

interface Part {
  readonly fromMs: number;
  readonly events: Pending;
}

export class LastMinute {
  private parts: Part[] = [];

  /** Takes an event, and says whether it is time for a checkpoint. */
  push(event: EventLine): boolean {
    if (this.parts.length === 0 || event.type === META)
      this.parts.push({ fromMs: event.timestamp, events: new Pending() });
    const last = this.parts.at(-1) as Part;
    last.events.push(event);
    const oldestMs = event.timestamp - KEPT_MS;
    while (this.parts.length > 1 && (this.second.fromMs <= oldestMs || this.chars > CHARS_MAX))
      this.parts.shift();
    return event.timestamp >= last.fromMs + PART_MS || last.events.chars >= PART_CHARS;
  }

  /** All of it, in order; none is left. */
  take(): EventLine[] {
    return this.parts.splice(0).flatMap(({ events }) => events.take());
  }

  private get second(): Part {
    return this.parts[1] as Part;
  }

  private get chars(): number {
    return this.parts.reduce((sum, { events }) => sum + events.chars, 0);
  }
}
