/**
 * Takes out of recorded pages what could run, navigate or call home. The replay frame's sandbox and the policy in the player's headers forbid the
 * same; neither relies on the other.
 */

import { EventType, type eventWithTime, IncrementalSource } from "@rrweb/types";
import { isAllowedAsset, placeholder, sanitiseCss } from "./assets.ts";
import { isShown } from "./shapes.ts";

/** HTML parsers stop at 512; rrweb builds recursively and would end in a full stack. */
const DEPTH_MAX = 512;
const NODES_MAX = 500_000;
/** A longer one is cut off: only a picture in a `data:` URL has reason to be so long. */
const ATTRIBUTE_LENGTH_MAX = 8 * 1024 * 1024;

/** rrweb's node types. Documents stand only at the top, and CDATA in no HTML. */
const DOCUMENT = 0;
const DOCUMENT_TYPE = 1;
const ELEMENT = 2;
const TEXT = 3;
const COMMENT = 5;

interface SnapshotNode {
  type?: unknown;
  tagName?: unknown;
  attributes?: unknown;
  childNodes?: unknown;
  textContent?: unknown;
}

/** Makes `event` safe, in place. Pictures and fonts are left only from the origins `assets`. False: it cannot be shown at all. */
export function sanitise(event: eventWithTime, assets: readonly string[]): boolean {
  if (event.type === EventType.FullSnapshot) return sanitiseTree(event.data.node, assets);
  if (event.type !== EventType.IncrementalSnapshot) return true;
  const data = event.data as unknown as Record<string, unknown>;
  if (!isShown(data)) return false;
  switch (data.source) {
    case IncrementalSource.Mutation:
      return sanitiseMutation(data, assets);
    case IncrementalSource.StyleSheetRule:
      return sanitiseRules(data, assets);
    case IncrementalSource.StyleDeclaration:
      return sanitiseDeclaration(data, assets);
    case IncrementalSource.AdoptedStyleSheet:
      return (
        Array.isArray(data.styleIds) &&
        (data.styles === undefined ||
          (Array.isArray(data.styles) &&
            data.styles.every((sheet) => isNode(sheet) && sanitiseRules(sheet, assets))))
      );
    case IncrementalSource.Font:
      return (
        typeof data.fontSource === "string" &&
        (data.buffer === true || sanitiseCss(data.fontSource, assets) === data.fontSource)
      );
    default:
      return true;
  }
}

function sanitiseMutation(data: Record<string, unknown>, assets: readonly string[]): boolean {
  for (const list of ["adds", "removes", "texts", "attributes"] as const) {
    data[list] = Array.isArray(data[list]) ? data[list].filter(isNode) : [];
  }
  for (const change of data.attributes as { attributes?: unknown }[]) {
    if (!isNode(change.attributes)) change.attributes = {};
    sanitiseAttributes("", change.attributes as Record<string, unknown>, assets);
  }
  // A chain of additions, each within the one before, is as deep as a tree.
  const depths = new Map<unknown, number>();
  data.adds = (data.adds as { node?: unknown; parentId?: unknown }[]).filter((add) => {
    // A frame's document is added to the frame.
    if (!isBuildable(add.node, ELEMENT) && (add.node as { type?: unknown })?.type !== DOCUMENT)
      return false;
    const { id } = add.node as { id?: unknown };
    if (id === add.parentId) return false;
    const depth = (depths.get(add.parentId) ?? 0) + 1;
    depths.set(id, depth);
    return depth <= DEPTH_MAX;
  });
  return (data.adds as { node: unknown }[]).every(({ node }) => sanitiseTree(node, assets));
}

function sanitiseRules(sheet: object, assets: readonly string[]): boolean {
  const fields = sheet as Record<string, unknown>;
  for (const name of ["adds", "rules"]) {
    if (!Array.isArray(fields[name])) continue;
    fields[name] = fields[name].filter(isNode);
    for (const rule of fields[name] as { rule?: unknown }[]) {
      rule.rule = typeof rule.rule === "string" ? sanitiseCss(rule.rule, assets) : "";
    }
  }
  for (const name of ["replace", "replaceSync"]) {
    if (typeof fields[name] === "string") fields[name] = sanitiseCss(fields[name], assets);
    else delete fields[name];
  }
  return true;
}

function sanitiseDeclaration(data: Record<string, unknown>, assets: readonly string[]): boolean {
  const set = data.set as { property?: unknown; value?: unknown } | undefined;
  if (!isNode(set)) return true;
  if (typeof set.property !== "string") return false;
  if (typeof set.value === "string") set.value = sanitiseCss(set.value, assets);
  return true;
}

function sanitiseTree(root: unknown, assets: readonly string[]): boolean {
  if (!isNode(root)) return false;
  const stack: { node: SnapshotNode; depth: number; inStyle: boolean }[] = [
    { node: root, depth: 0, inStyle: false },
  ];
  let nodes = 0;
  // rrweb would put a node into itself that has the id of another.
  const ids = new Set<unknown>([(root as { id?: unknown }).id]);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, depth, inStyle } = next;
    if (++nodes > NODES_MAX) return false;
    let isStyle = false;
    if (node.type === ELEMENT) {
      if (typeof node.tagName !== "string") return false;
      // A browser makes no element of another name, and stops at it.
      if (!TAG_NAME.test(node.tagName)) node.tagName = "x-unknown";
      const tagName = String(node.tagName).toLowerCase();
      if (!isNode(node.attributes)) node.attributes = {};
      sanitiseAttributes(tagName, node.attributes as Record<string, unknown>, assets);
      isStyle = tagName === "style";
    } else if (node.type === TEXT && typeof node.textContent !== "string") {
      node.textContent = "";
    } else if (inStyle && typeof node.textContent === "string") {
      node.textContent = sanitiseCss(node.textContent, assets);
    }
    if (node.childNodes === undefined) continue;
    const children = Array.isArray(node.childNodes) ? node.childNodes : [];
    node.childNodes =
      depth >= DEPTH_MAX
        ? []
        : children.filter((child) => isBuildable(child, node.type) && isFirst(child, ids));
    for (const child of node.childNodes as SnapshotNode[])
      stack.push({ node: child, depth: depth + 1, inStyle: isStyle });
  }
  return true;
}

const TAG_NAME = /^[a-z][\w.:-]{0,99}$/i;
const NEVER = new Set([
  "srcdoc",
  "ping",
  "autofocus",
  "autoplay",
  "nonce",
  "http-equiv",
  "formaction",
  "action",
  "manifest",
  "attributionsrc",
  "imagesrcset",
  "shadowrootmode",
]);
const LINKS = new Set(["href", "xlink:href", "src", "data", "poster", "background"]);
/** Attributes whose URL is loaded at once, wherever they stand. A link's is not. */
const LOADED = new Set(["src", "data", "poster", "background", "lowsrc", "dynsrc"]);
/** Elements that load another document or code from these attributes. */
const LOADERS = new Set([
  "iframe",
  "frame",
  "embed",
  "object",
  "script",
  "portal",
  "fencedframe",
  "base",
  "applet",
  "track",
]);
const SVG_LOADERS = new Set([
  "use",
  "image",
  "feimage",
  "mpath",
  "textpath",
  "lineargradient",
  "radialgradient",
  "pattern",
  "filter",
]);
const ANIMATIONS = new Set(["animate", "set", "animatemotion", "animatetransform"]);

/** `tagName` is in small letters; empty where it is not known, of a change. */
function sanitiseAttributes(
  tagName: string,
  map: Record<string, unknown>,
  assets: readonly string[],
): void {
  for (const name of Object.keys(map)) {
    const lower = name.toLowerCase();
    const value = map[name];
    if (
      lower.startsWith("on") ||
      lower === "__proto__" ||
      NEVER.has(lower) ||
      (LINKS.has(lower) && (LOADERS.has(tagName) || isScriptUrl(value))) ||
      (lower === "rel" && !isHarmlessRelation(value)) ||
      (tagName === "link" && lower === "href" && !isAllowedAsset(value, [])) ||
      (lower === "attributename" &&
        (ANIMATIONS.has(tagName) || tagName === "") &&
        /href|src|^on/i.test(String(value))) ||
      (lower === "rr_dataurl" && !/^data:image\//i.test(String(value))) ||
      (typeof value === "string" && value.length > ATTRIBUTE_LENGTH_MAX)
    ) {
      delete map[name];
    } else if (lower === "style" || lower === "_csstext" || PRESENTATION.has(lower)) {
      map[name] = sanitiseStyle(value, assets);
    } else if (lower === "srcset") {
      if (!isAllowedSet(value, assets)) delete map[name];
    } else if (
      typeof value === "string" &&
      (LOADED.has(lower) ||
        ((lower === "href" || lower === "xlink:href") && SVG_LOADERS.has(tagName))) &&
      !isAllowedAsset(value, assets)
    ) {
      const isPicture = lower === "src" && ["img", "input", ""].includes(tagName);
      if (isPicture || tagName === "image") {
        map[name] = placeholder(map.width ?? map.rr_width, map.height ?? map.rr_height);
      } else delete map[name];
    }
  }
}

/** Attributes of SVG that hold CSS values. */
const PRESENTATION = new Set([
  "fill",
  "stroke",
  "filter",
  "mask",
  "clip-path",
  "cursor",
  "marker-start",
  "marker-mid",
  "marker-end",
]);

/** A style as text, or as a change: each property's value, or value and priority. */
function sanitiseStyle(value: unknown, assets: readonly string[]): unknown {
  if (typeof value === "string") return sanitiseCss(value, assets);
  if (!isNode(value)) return value;
  const properties = value as Record<string, unknown>;
  for (const [property, set] of Object.entries(properties)) {
    if (typeof set === "string") properties[property] = sanitiseCss(set, assets);
    else if (Array.isArray(set) && typeof set[0] === "string") set[0] = sanitiseCss(set[0], assets);
  }
  return properties;
}

function isAllowedSet(value: unknown, assets: readonly string[]): boolean {
  if (typeof value !== "string") return false;
  // A `data:` URL has a comma: what cannot be told apart is not kept.
  return value.split(/,\s+/).every((candidate) => {
    const [url] = candidate.trim().split(/\s+/, 1);
    return isAllowedAsset(url, assets);
  });
}

function isScriptUrl(value: unknown): boolean {
  // The browser's own parser, which skips the same controls and blanks as a click would.
  const protocol =
    typeof value === "string" ? URL.parse(value, "https://page.invalid/")?.protocol : null;
  return protocol === "javascript:" || protocol === "vbscript:";
}

/** `preconnect`, `dns-prefetch`, `prefetch`, `prerender` and their like reach out without regard to any policy. */
function isHarmlessRelation(value: unknown): boolean {
  return (
    typeof value === "string" && !/pre(connect|fetch|render|load)|dns|manifest|import/i.test(value)
  );
}

/** Whether rrweb can build it within a node of type `parent`: of a known kind, with an id, an element or document type with a name. */
function isBuildable(value: unknown, parent: unknown): boolean {
  if (!isNode(value)) return false;
  const { type, id, tagName, name } = value as SnapshotNode & { id?: unknown; name?: unknown };
  if (typeof id !== "number") return false;
  switch (type) {
    case ELEMENT:
      return typeof tagName === "string";
    case DOCUMENT_TYPE:
      return parent === DOCUMENT && typeof name === "string" && TAG_NAME.test(name);
    case TEXT:
    case COMMENT:
      return true;
    default:
      return false;
  }
}

function isFirst(value: unknown, ids: Set<unknown>): boolean {
  const { id } = value as { id: unknown };
  return !ids.has(id) && ids.add(id) !== undefined;
}

function isNode(value: unknown): value is SnapshotNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
