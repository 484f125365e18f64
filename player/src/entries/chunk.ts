import { EventType, type eventWithTime, IncrementalSource, MouseInteractions } from "@rrweb/types";
import { isByVisitor } from "../load/summary.ts";
import type { Fact } from "./entry.ts";
import { readFact } from "./read.ts";

/** What is kept of a chunk for the panels and the timeline: some hundred bytes an entry, whatever the chunk weighs. */
export interface ChunkIndex {
  /** In the order of recording. `event` is the index in the chunk. */
  facts: { event: number; atMs: number; fact: Fact }[];
  /** Facts beyond {@link FACTS_MAX}. */
  omitted: number;
  /** Moments at which the visitor did something, ascending, no two within a second. */
  activity: number[];
  /** Where the visitor pressed. */
  presses: Press[];
}

/** A click or tap, in pixels of the recorded viewport. */
export interface Press {
  atMs: number;
  x: number;
  y: number;
}

export const FACTS_MAX = 5_000;
const PRESSES_MAX = 2_000;
const ACTIVITY_STEP_MS = 1_000;

/** The index of one chunk's events, in the order in which they were recorded. */
export function indexChunk(events: readonly eventWithTime[]): ChunkIndex {
  const index: ChunkIndex = { facts: [], omitted: 0, activity: [], presses: [] };
  const active: number[] = [];
  events.forEach((event, position) => {
    if (event.type === EventType.IncrementalSnapshot) {
      if (isByVisitor(event.data)) active.push(event.timestamp);
      const { data } = event;
      if (
        data.source === IncrementalSource.MouseInteraction &&
        data.type === MouseInteractions.Click &&
        typeof data.x === "number" &&
        typeof data.y === "number" &&
        index.presses.length < PRESSES_MAX
      ) {
        index.presses.push({ atMs: event.timestamp, x: data.x, y: data.y });
      }
      return;
    }
    const found = readFact(event);
    if (found === null) return;
    if (index.facts.length >= FACTS_MAX) index.omitted++;
    else index.facts.push({ event: position, ...found });
  });
  for (const ms of active.sort((a, b) => a - b)) {
    const last = index.activity.at(-1);
    if (last === undefined || ms - last >= ACTIVITY_STEP_MS) index.activity.push(ms);
  }
  return index;
}
