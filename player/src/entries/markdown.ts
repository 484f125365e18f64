/**
 * Recorded text in Markdown.
 *
 * All of it goes into code: there is no other place where CommonMark and its dialects leave every character alone, HTML, links, mentions and
 * references to issues included (https://spec.commonmark.org/0.31.2/#code-spans).
 */

/** `text` as a code span on one line. Controls and blanks of all kinds become one space; nothing left is `(empty)`. */
export function inlineCode(text: string, charactersMax = 300): string {
  const line = oneLine(text);
  if (line === "") return "(empty)";
  const shown = shortened(line, charactersMax);
  const fence = "`".repeat(longestRun(shown) + 1);
  // A blank on both sides is taken away again, and keeps the fence from the text's own backticks.
  return `${fence} ${shown} ${fence}`;
}

/** `text` as a fenced block, in which every line is the text's own. */
export function codeBlock(text: string, charactersMax = 4_000): string {
  const lines = shortened(text, charactersMax)
    .replace(/\r\n?|[\u2028\u2029\u0085\v\f]/g, "\n")
    .replace(CONTROLS, "\ufffd");
  const fence = "`".repeat(Math.max(3, longestRun(lines) + 1));
  return `${fence}\n${lines.replace(/\n+$/, "")}\n${fence}`;
}

/** All but tabs and line feeds: controls, and marks that turn the direction of what follows. */
const CONTROLS = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu;

function oneLine(text: string): string {
  return text
    .replace(/[\s\u0085]+/g, " ")
    .replace(CONTROLS, "\ufffd")
    .trim();
}

function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  return `${text.slice(0, charactersMax)}…`;
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
