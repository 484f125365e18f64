/**
 * How an element is told to people and programs: where it is, what it is, what it says.
 */
import type { Target } from "./events.js";
import { type Privacy, within } from "./privacy.js";

const DEPTH_MAX = 5;
const TEXT_CHARS_MAX = 100;
/** Nodes looked at for an element's text, since a click may hit the whole page. */
const NODES_MAX = 50;
/** What a person means to hit when they hit something inside of it. */
const CONTROL = "a,button,input,select,textarea,label,summary,option,[role],[onclick],[tabindex]";
const ROLES: Readonly<Record<string, string>> = {
  a: "link",
  button: "button",
  summary: "button",
  select: "combobox",
  textarea: "textbox",
  option: "option",
};
const INPUT_ROLES: Readonly<Record<string, string>> = {
  checkbox: "checkbox",
  radio: "radio",
  range: "slider",
  submit: "button",
  button: "button",
  reset: "button",
  image: "button",
};

export function describeTarget(hit: Element, privacy: Privacy): Target {
  const element = hit.closest(CONTROL) ?? hit;
  const isBlocked = within(element, privacy.block);
  return {
    selector: selectorOf(element),
    role: element.getAttribute("role") ?? roleOf(element),
    text: (!isBlocked && textOf(element, privacy)) || undefined,
  };
}

/** Tags, ids and test ids up to an id. For people: it need not lead to one element alone. */
export function selectorOf(element: Element): string {
  const parts: string[] = [];
  for (
    let at: Element | null = element;
    at !== null && parts.length < DEPTH_MAX;
    at = at.parentElement
  ) {
    const { localName, id } = at;
    const testId = at.getAttribute("data-testid");
    // A name that somebody gave, and no number that may be a customer's.
    if (/^[a-z][\w-]{0,40}$/i.test(id) && !/\d{4}/.test(id)) {
      parts.unshift(`${localName}#${id}`);
      break;
    }
    parts.unshift(
      testId && /^[\w-]{1,40}$/.test(testId) ? `${localName}[data-testid=${testId}]` : localName,
    );
  }
  return parts.join(" > ");
}

function roleOf(element: Element): string | undefined {
  return element.localName === "input"
    ? (INPUT_ROLES[(element as HTMLInputElement).type] ?? "textbox")
    : ROLES[element.localName];
}

function textOf(element: Element, privacy: Privacy): string {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let text = "";
  for (let i = 0; i < NODES_MAX && text.length < TEXT_CHARS_MAX; i++) {
    const node = walker.nextNode();
    if (node === null) break;
    const parent = node.parentElement;
    if (
      parent?.closest(privacy.block) === null &&
      !/^(?:script|style|textarea)$/.test(parent.localName)
    )
      text += privacy.textIn(parent, node.nodeValue ?? "");
  }
  return text.replace(/\s+/g, " ").trim().slice(0, TEXT_CHARS_MAX);
}
