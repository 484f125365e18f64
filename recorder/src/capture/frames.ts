/**
 * The frames of a stack trace, as Chromium (`at f (url:1:2)`) and as Firefox and WebKit (`f@url:1:2`) write them.
 */
import type { StackFrame } from "../events.js";

const FRAMES_MAX = 50;
const FRAME = /^\s*(?:at (?:async )?)?(?:(.*?)(?: \(|@))?([^\s()]+?):(\d+):(\d+)\)?$/;

/** Where bundlers' plugins leave the ids of source maps: by the stack of an error made in the file. */
const DEBUG_IDS = ["_sentryDebugIds", "_posthogChunkIds"];

/** Innermost first. What is no frame, such as the message's lines, is left out. */
export function framesOf(stack: string): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const line of stack.split("\n")) {
    const [found, name, file, row, column] = FRAME.exec(line) ?? [];
    if (found === undefined || frames.length === FRAMES_MAX) continue;
    frames.push({
      function: name || undefined,
      file: file as string,
      line: Number(row),
      column: Number(column),
    });
  }
  return frames;
}

/** Debug ids by file. */
export function debugIds(): Map<string, string> {
  const ids = new Map<string, string>();
  for (const name of DEBUG_IDS) {
    for (const [stack, id] of Object.entries((globalThis as unknown as Named)[name] ?? {})) {
      const file = framesOf(stack)[0]?.file;
      if (file !== undefined && typeof id === "string") ids.set(file, id);
    }
  }
  return ids;
}

type Named = { readonly [name: string]: Readonly<Record<string, unknown>> | undefined };
