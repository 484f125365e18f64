/**
 * The last look at an event before it is buffered. rrweb masks what it reads from fields while it observes; this masks what
 * it takes over as it stands: the page's URL, and values that sit in attributes.
 */
import type { serializedNodeWithId } from "@rrweb/types";
import { FULL_SNAPSHOT, INCREMENTAL, META, type RecordedEvent } from "./events.js";
import { maskText, maskUrl } from "./mask.js";

// rrweb's `IncrementalSource`.
const MUTATION = 0;
const INPUT = 5;
// rrweb's `NodeType`.
const DOCUMENT = 0;
const ELEMENT = 2;
/** Inputs whose value is a label on the screen, written by the page and not by the visitor. */
const BUTTONS = new Set<unknown>(["submit", "button", "reset", "image"]);

/** The same event, masked in place: rrweb makes each event for us, and does not read the values changed here again. */
export function maskEvent(event: RecordedEvent): RecordedEvent {
  if (event.type === META) {
    event.data.href = maskUrl(event.data.href);
  } else if (event.type === FULL_SNAPSHOT) {
    maskNode(event.data.node);
  } else if (event.type === INCREMENTAL) {
    if (event.data.source === MUTATION) {
      for (const added of event.data.adds) maskNode(added.node);
    } else if (event.data.source === INPUT) {
      event.data.text = maskText(event.data.text);
    }
  }
  return event;
}

// An explicit stack, since a page may nest deeper than the engine's call stack reaches.
function maskNode(root: serializedNodeWithId): void {
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.type !== ELEMENT && node.type !== DOCUMENT) continue;
    // A field's attribute keeps its first value when the visitor has emptied the field, and a check box's or radio button's is taken as it is.
    if (
      node.type === ELEMENT &&
      node.tagName === "input" &&
      typeof node.attributes.value === "string"
    ) {
      if (!BUTTONS.has(node.attributes.type))
        node.attributes.value = maskText(node.attributes.value);
    }
    stack.push(...node.childNodes);
  }
}
