import { clock, dateTime } from "../format.ts";
import { type Entry, type Failure, failed } from "./entry.ts";
import { codeBlock, inlineCode } from "./markdown.ts";
import { wordsOf } from "./words.ts";

/** How far back "what led here" looks. */
export const STORY_MS = 60_000;
/** Lines of one list: the latest are told. */
const LINES_MAX = 60;

/** What came before an error. */
export interface Story {
  error: Failure & { atMs: number; page: string };
  fromMs: number;
  /** What the visitor did, and where they went. */
  steps: Entry[];
  /** Requests that failed. */
  requests: Entry[];
  /** Console lines, and errors that came before. */
  console: Entry[];
}

/** The {@link STORY_MS} before an error, of the entries that are known, by moment. */
export function storyOf(
  entries: readonly Entry[],
  error: Failure & { id: string; atMs: number; page: string },
): Story {
  const fromMs = error.atMs - STORY_MS;
  const before = entries.filter(
    (entry) => entry.atMs >= fromMs && entry.atMs <= error.atMs && entry.id !== error.id,
  );
  return {
    error,
    fromMs,
    steps: before.filter(isStep).slice(-LINES_MAX),
    requests: before.filter((entry) => entry.kind === "request" && failed(entry)).slice(-LINES_MAX),
    console: before.filter(({ kind }) => kind === "console" || kind === "error").slice(-LINES_MAX),
  };
}

function isStep({ kind }: Entry): boolean {
  return ["opened", "navigation", "click", "input", "request", "custom", "visibility"].includes(
    kind,
  );
}

/** What a ticket should say of where the story is from. */
export interface Setting {
  /** A link to the moment of the error, without a token. */
  link: string;
  startMs: number;
  url: string | null;
  release: string | null;
  browser: string | null;
}

/** A story as Markdown for a ticket. Whatever was recorded stands in it as code. */
export function storyMarkdown(story: Story, { link, startMs, ...setting }: Setting): string {
  const { error } = story;
  const facts = [
    ["When", `${dateTime(error.atMs)}, ${clock(error.atMs - startMs)} into the session`],
    ["Page", setting.url && inlineCode(setting.url)],
    ["Release", setting.release && inlineCode(setting.release)],
    ["Browser", setting.browser && inlineCode(setting.browser)],
    ["Trace", error.trace && inlineCode(error.trace)],
    ["Watch", `<${link}>`],
  ].flatMap(([name, value]) => (value ? [`- ${name}: ${value}`] : []));
  const list = (title: string, entries: readonly Entry[], none: string) => [
    `### ${title}`,
    "",
    ...(entries.length === 0 ? [none] : entries.map((entry) => line(entry, error.atMs))),
    "",
  ];
  return [
    `## ${inlineCode(`${error.type}: ${error.message}`)}`,
    "",
    ...facts,
    "",
    ...(error.stack === "" ? [] : [codeBlock(error.stack), ""]),
    ...list("What led here", story.steps, "Nothing was recorded in the minute before."),
    ...list("Failed requests", story.requests, "None."),
    ...list("Console", story.console, "Nothing."),
  ].join("\n");
}

function line(entry: Entry, errorMs: number): string {
  const { did, what } = wordsOf(entry);
  const before = ((errorMs - entry.atMs) / 1000).toFixed(1);
  return `- −${before} s: ${did}${what === "" ? "" : ` ${inlineCode(what)}`}`;
}
