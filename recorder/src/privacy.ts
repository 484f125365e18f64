/**
 * What of the page may be recorded. rrweb asks it for text and fields while it observes; what rrweb takes over as it stands (URLs,
 * attributes, style, text in shadow roots) is masked here before an event is buffered.
 */
import type { serializedNodeWithId } from "@rrweb/types";
import { FULL_SNAPSHOT, INCREMENTAL, META, type RecordedEvent } from "./events.js";
import { maskCss, maskText, maskUrl, maskUrlsIn, maskWords, type QueryAllow } from "./mask.js";
import type { Settings } from "./settings.js";

/** Elements that are recorded as an empty box: ours, and those of well-known tools. */
const BLOCK =
  ".rr-block,[data-private],[data-record-block],.sentry-block,[data-sentry-block],.ph-no-capture,.fs-exclude," +
  ".lr-hide,[data-lr-hide],[data-dd-privacy=hidden],[data-openreplay-hidden]";
/** Fields whose input is not recorded. */
export const IGNORE =
  ".rr-ignore,[data-record-ignore],.sentry-ignore,[data-sentry-ignore],.ph-ignore-input,[data-openreplay-ignore]";
/** Elements whose text is masked, wherever they are. */
const MASK =
  ".rr-mask,[data-record-mask],.sentry-mask,[data-sentry-mask],.ph-mask,.fs-mask,[data-dd-privacy=mask]," +
  "[data-hj-suppress],[data-clarity-mask],[data-openreplay-masked],[data-openreplay-obscured]";
/** Elements whose text and fields are shown. */
const SAFE = "[data-record-safe]";
/** What the visitor writes into; no attribute shows it. */
const WRITTEN = '[contenteditable]:not([contenteditable="false"]),[autocomplete]:not(form)';
const HIDDEN = `${MASK},${WRITTEN}`;

const PLAIN = 0;
const MASKED = 1;
const SHOWN = 2;

/** Inputs whose value is a label on the screen, written by the page and not by the visitor. */
const BUTTONS = /^(?:submit|button|reset|image)$/i;
const NEVER_SHOWN = /^(?:password|email|tel|hidden|file)$/i;
const NEVER_SHOWN_BY_NAME =
  /pass|pwd|card|cvc|cvv|csc|iban|account|ssn|social|tax|otp|one.?time|\bcode|\bpin\b|token|secret|e-?mail|phone|mobile|birth/i;
const PRIVATE_IN_WORDS = /[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}\b|\b\d(?:[ -]?\d){7,}\b/gi;
const LOOKS_PRIVATE = /@|\d[\d -]{4,}\d/;

/** Attributes that say how an element looks or behaves, and hold no text for people. */
const STRUCTURE = new Set(
  (
    "class id for name type role rel media width height rows cols size span colspan rowspan scope tabindex dir lang hidden " +
    "disabled checked selected readonly required multiple open controls loop method target contenteditable autocomplete inputmode " +
    "is slot part start reversed align valign charset popover inert sizes as crossorigin"
  ).split(" "),
);
/** The same in pictures. */
const SVG_STRUCTURE =
  /^(?:[a-z]{1,2}\d?$|fill|stroke|stop-|clip|mask|marker|flood|color|opacity|offset|points|viewBox|transform|gradient|pattern[A-Z]|preserve|path|font-|text-|xml|filter|std|result|values|mode|dominant|vector|version|display|overflow|visib)/;
const LINKS = new Set(
  "src href xlink:href action formaction poster background data cite ping manifest longdesc rr_src".split(
    " ",
  ),
);
/** Values of any attribute that style sheets ask for, and no visitor has written. */
const STATE =
  /^(?:-?[\d.]{1,4}(?:px|r?em|%)?|(?:un|in)?(?:checked|active|mounted)|open|closed?|o[nf]f?|true|false|yes|no|auto|none|all|both|mixed|indeterminate|horizontal|vertical|left|right|top|bottom|center|start|end|dark|light|load(?:ing|ed)|idle|selected|visible|hidden|(?:en|dis)abled|expanded|collapsed|x{0,2}[sl]|sm|md|lg|xl|small|large|primary|secondary|default|error|page|step|menu|dialog|listbox|polite|assertive|ltr|rtl|ascending|descending|)$/i;
const PICTURE = /^data:(?:image|font)\//;

// rrweb's `IncrementalSource`.
const MUTATION = 0;
const INPUT = 5;
const STYLE_RULE = 8;
const STYLE_DECLARATION = 13;
const ADOPTED = 15;
// rrweb's `NodeType`.
const DOCUMENT = 0;
const ELEMENT = 2;
const TEXT = 3;

/** rrweb's, from its ids to the page's nodes. */
export interface Mirror {
  getNode(id: number): Node | null;
}

/** Attributes as rrweb has them: `style` may be an object of changed declarations. */
type Attributes = Record<string, unknown>;

export class Privacy {
  /** Elements that are recorded as an empty box. */
  readonly block: string;
  private readonly safe: string;
  private readonly isTextMasked: boolean;
  private readonly allow: QueryAllow;
  /** What is known of elements' text while one event is made: {@link PLAIN}, {@link MASKED} or {@link SHOWN}. */
  private readonly marks = new Map<Element, number>();
  /** Fields that were once of a kind that is never shown. */
  private readonly never = new WeakSet<Element>();

  constructor(
    settings: Pick<Settings, "isTextMasked" | "queryAllow" | "block" | "unmask">,
    private readonly mirror: Mirror,
  ) {
    this.block = [BLOCK, ...settings.block].join();
    this.safe = [SAFE, ...settings.unmask].join();
    this.isTextMasked = settings.isTextMasked;
    this.allow = new Set(settings.queryAllow);
  }

  url(url: string): string {
    return maskUrl(url, this.allow);
  }

  /** What a developer wrote, such as an error's message: without URLs' secrets, addresses and long numbers. */
  words(text: string): string {
    return maskUrlsIn(text, this.allow).replace(PRIVATE_IN_WORDS, maskText);
  }

  /** Text of the page that stands nowhere in particular, such as its title. */
  text(text: string): string {
    return this.isTextMasked ? maskWords(text) : text;
  }

  /** A text node's content; its element is null in a shadow root. */
  textIn(element: Element | null, text: string): string {
    if (element?.tagName.toUpperCase() === "STYLE") return maskCss(text, this.allow);
    return element !== null && this.isShown(element) ? text : maskWords(text);
  }

  /** A field's value. */
  field(value: string, element: Element): string {
    return this.isFieldShown(element, value) ? value : maskText(value);
  }

  /** The same event, masked in place: rrweb makes each event for us, and does not read the values changed here again. */
  event(event: RecordedEvent): RecordedEvent {
    if (event.type === META) {
      event.data.href = this.url(event.data.href);
    } else if (event.type === FULL_SNAPSHOT) {
      this.tree(event.data.node);
    } else if (event.type === INCREMENTAL) {
      const { data } = event;
      if (data.source === MUTATION) {
        for (const added of data.adds) this.tree(added.node);
        for (const { id, attributes } of data.attributes) this.attributes(id, attributes);
        for (const text of data.texts) {
          const parent = this.mirror.getNode(text.id)?.parentNode;
          if (text.value !== null && parent?.nodeType === Node.DOCUMENT_FRAGMENT_NODE)
            text.value = this.inShadow(parent, text.value);
        }
      } else if (data.source === INPUT) {
        const field = this.mirror.getNode(data.id);
        data.text = field === null ? maskText(data.text) : this.field(data.text, field as Element);
      } else if (data.source === STYLE_RULE) {
        for (const added of data.adds ?? []) added.rule = maskCss(added.rule, this.allow);
        if (data.replace) data.replace = maskCss(data.replace, this.allow);
        if (data.replaceSync) data.replaceSync = maskCss(data.replaceSync, this.allow);
      } else if (data.source === STYLE_DECLARATION) {
        if (data.set) data.set.value = this.declaration(data.set.property, data.set.value);
      } else if (data.source === ADOPTED) {
        for (const { rules } of data.styles ?? [])
          for (const rule of rules) rule.rule = maskCss(rule.rule, this.allow);
      }
    }
    this.marks.clear();
    return event;
  }

  // An explicit stack, since a page may nest deeper than the engine's call stack reaches.
  private tree(root: serializedNodeWithId): void {
    const stack = [root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.type === ELEMENT) this.attributes(node.id, node.attributes);
      if (node.type === ELEMENT || node.type === DOCUMENT) {
        for (const child of node.childNodes) stack.push(child);
      } else if (node.type === TEXT) {
        const parent = this.mirror.getNode(node.id)?.parentNode;
        if (node.isShadow || parent?.nodeType === Node.DOCUMENT_FRAGMENT_NODE)
          node.textContent = this.inShadow(parent, node.textContent);
        else if (parent?.nodeName.toUpperCase() === "STYLE")
          node.textContent = maskCss(node.textContent, this.allow);
      }
    }
  }

  private attributes(id: number, attributes: Attributes): void {
    const names = Object.keys(attributes);
    if (names.length === 0) return;
    const element = this.mirror.getNode(id) as Element | null;
    for (const name of names) {
      const value = attributes[name];
      if (name === "style" && typeof value === "object" && value !== null) {
        const style = value as Record<string, unknown>;
        for (const [property, set] of Object.entries(style)) {
          if (typeof set === "string") style[property] = this.declaration(property, set);
          else if (Array.isArray(set)) set[0] = this.declaration(property, String(set[0]));
        }
      } else if (typeof value === "string" && value !== "") {
        const masked = element === null ? maskText(value) : this.attribute(element, name, value);
        if (masked === undefined) delete attributes[name];
        else attributes[name] = masked;
      }
    }
  }

  private attribute(element: Element, name: string, value: string): string | undefined {
    const tag = element.localName;
    // What a frame shows is recorded as its document.
    if (name === "srcdoc") return undefined;
    if (name === "style" || name === "_cssText") return maskCss(value, this.allow);
    if (LINKS.has(name)) return this.link(value);
    if (name === "srcset" || name === "imagesrcset")
      return value.replace(/[^\s,]\S*/g, (part) => (/[:/?#]/.test(part) ? this.link(part) : part));
    if (name === "value" && (tag === "input" || tag === "textarea" || tag === "select")) {
      const isButton = tag === "input" && BUTTONS.test((element as HTMLInputElement).type);
      if (!isButton) return this.field(value, element);
    }
    if (name.startsWith("rr_") || this.isShown(element)) return value;
    if (STRUCTURE.has(name)) return /\S@\S+\.\S/.test(value) ? maskText(value) : value;
    if (element.namespaceURI?.endsWith("svg") && SVG_STRUCTURE.test(name)) return value;
    if (name === "content" && element.matches("[name=viewport],[name=color-scheme],[charset]"))
      return value;
    return STATE.test(value) ? value : maskWords(value);
  }

  private link(url: string): string {
    return PICTURE.test(url) || /^#[\w-]*$/.test(url) ? url : this.url(url);
  }

  private declaration<T extends string | null>(property: string, value: T): T {
    if (value === null) return value;
    const prefix = `${property}:`;
    return maskCss(prefix + value, this.allow).slice(prefix.length) as T;
  }

  private inShadow(root: Node | null | undefined, text: string): string {
    const host = (root as ShadowRoot | null | undefined)?.host ?? null;
    return this.textIn(host, text);
  }

  // From the outermost element that is not known yet inwards, so that each is looked at once an event.
  private isShown(element: Element): boolean {
    const { marks } = this;
    const path: Element[] = [];
    let at: Element | null | undefined = element;
    for (; at && !marks.has(at); at = around(at)) path.push(at);
    let mark = (at && marks.get(at)) ?? (this.isTextMasked ? PLAIN : SHOWN);
    if (marks.size === 0) void this.forgetSoon();
    for (at = path.pop(); at; at = path.pop()) {
      // A form's fields may stand for its own members.
      const matches = (selector: string): boolean => Element.prototype.matches.call(at, selector);
      if (mark !== MASKED && matches(HIDDEN)) mark = MASKED;
      if (mark === PLAIN && matches(this.safe)) mark = SHOWN;
      marks.set(at, mark);
    }
    return mark === SHOWN;
  }

  /** Forgets at the end of the task, in which no event may have been made after all. */
  private async forgetSoon(): Promise<void> {
    await undefined;
    this.marks.clear();
  }

  private isFieldShown(field: Element, value: string): boolean {
    if (this.never.has(field)) return false;
    const { type, name, id, labels, placeholder } = field as HTMLInputElement;
    const words = [name, id, placeholder, field.getAttribute("aria-label"), field.className];
    for (const label of labels ?? []) words.push(label.textContent);
    const isNever =
      NEVER_SHOWN.test(type) ||
      NEVER_SHOWN.test(field.getAttribute("inputmode") ?? "") ||
      field.hasAttribute("data-rr-is-password") ||
      NEVER_SHOWN_BY_NAME.test(words.join(" "));
    if (isNever) this.never.add(field);
    return (
      !isNever && !LOOKS_PRIVATE.test(value) && within(field, this.safe) && !within(field, HIDDEN)
    );
  }
}

/** Whether the element or one that it lies in matches, across shadow roots and frames. */
export function within(element: Element, selector: string): boolean {
  for (let at: Element | null | undefined = element; at; ) {
    if (at.closest(selector) !== null) return true;
    at = beyondRoot(at);
  }
  return false;
}

function around(element: Element): Element | null | undefined {
  return Reflect.get(Node.prototype, "parentElement", element) ?? beyondRoot(element);
}

/** The host of the shadow root, or the frame, that the element lies in. */
function beyondRoot(element: Element): Element | null | undefined {
  const root = element.getRootNode();
  return (root as ShadowRoot).host ?? (root as Document).defaultView?.frameElement;
}
