import { parseStack } from "error-stack-parser-es/lite";

export interface Frame {
  function: string;
  file: string;
  line: number | null;
  column: number | null;
  /** Of a browser's extension, not of the page. */
  foreign: boolean;
}

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
          foreign: /^(chrome|moz|safari(-web)?)-extension:/.test(file ?? ""),
        }))
    );
  } catch {
    // The parser throws at what it does not know: then the text itself is shown.
    return [];
  }
}
