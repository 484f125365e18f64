import { parseStack } from "error-stack-parser-es/lite";
import type { Frame } from "./entry.ts";
import { isForeign } from "./scripts.ts";

const FRAMES_MAX = 100;

/** The frames of a stack as any browser writes it, the innermost first. None: it is of no form that is known. */
export function framesOf(stack: string): Frame[] {
  try {
    return (
      parseStack(stack, { allowEmpty: true })
        // Any line of text passes for a function without a place.
        .filter(({ file }) => file !== undefined && file !== "")
        .slice(0, FRAMES_MAX)
        .map(({ function: name, file, line, col }) => ({
          function: name ?? "",
          file: file ?? "",
          line: line ?? null,
          column: col ?? null,
          foreign: isForeign(file ?? ""),
        }))
    );
  } catch {
    // The parser throws at what it does not know: then the text itself is shown.
    return [];
  }
}
