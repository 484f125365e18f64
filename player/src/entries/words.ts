import { duration, shortUrl } from "../format.ts";
import { type Entry, failed, isDead, type Request, type Target } from "./entry.ts";

/** What happened, in a few words: what somebody did or what came of it, and to what. */
export interface Words {
  /** The player's own words, never recorded ones. */
  did: string;
  /** With recorded text, which is a stranger's. */
  what: string;
}

/** An entry in words. */
export function wordsOf(entry: Entry): Words {
  switch (entry.kind) {
    case "opened":
      return { did: "Opened", what: entry.title || shortUrl(entry.url) };
    case "browser":
      return { did: "Browser changed:", what: JSON.stringify(entry.browser) };
    case "navigation":
      return { did: "Went to", what: shortUrl(entry.to) };
    case "click":
      return {
        did: isDead(entry) ? "Clicked, and nothing happened:" : "Clicked",
        what: targetName(entry),
      };
    case "input":
      return {
        did: entry.keys === 1 ? "Pressed a key in" : `Pressed ${entry.keys} keys in`,
        what: targetName(entry),
      };
    case "request":
      return {
        did: failed(entry) ? "Request failed:" : "Request:",
        what: `${entry.method} ${entry.url} → ${outcome(entry)}`,
      };
    case "error":
      return {
        did: entry.handled ? "Error, handled:" : "Error:",
        what: `${entry.type}: ${entry.message}`,
      };
    case "console":
      return { did: `console.${entry.level}:`, what: entry.text };
    case "vital":
      return {
        did: "Measured",
        what: `${entry.name} ${vitalValue(entry)}${entry.rating && ` (${entry.rating})`}`,
      };
    case "identify":
      return entry.user === ""
        ? { did: "Attributes", what: entry.traits.map((pair) => pair.join(": ")).join(", ") }
        : { did: "Known as", what: entry.user };
    case "custom":
      return {
        did: "Event:",
        what: [entry.name, ...entry.properties.map((pair) => pair.join(": "))].join(", "),
      };
    case "visibility":
      return { did: entry.state === "hidden" ? "Left the tab" : "Came back to the tab", what: "" };
    case "longtask":
      return { did: "The page stood still", what: `${Math.round(entry.durationMs)} ms` };
    case "lost":
      return { did: "Not recorded:", what: `${entry.events} events, ${entry.reason}` };
  }
}

/** `404`, `network`, `no answer seen`. */
export function outcome({ status, failure }: Request): string {
  return failure || (status === null ? "no answer seen" : String(status));
}

export function vitalValue({ name, value }: { name: string; value: number }): string {
  if (name === "CLS") return value.toFixed(3);
  return value < 10_000 ? `${Math.round(value)} ms` : duration(value);
}

/** What a person would call it: its text, or else what it is. */
export function targetName({ text, role, selector }: Target): string {
  if (text !== "") return `“${text}”`;
  return role === "" || selector === "" ? selector || role || "the page" : `${role} ${selector}`;
}
