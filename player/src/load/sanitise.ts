/**
 * Takes out of recorded pages what could run, navigate or call home. The replay frame's sandbox and the policy in headers.json forbid the same;
 * neither relies on the other.
 */

import { EventType, type eventWithTime, IncrementalSource } from "@rrweb/types";

/** HTML parsers stop at 512; rrweb builds recursively and would end in a full stack. */
const DEPTH_MAX = 512;
const NODES_MAX = 500_000;

/** `document`, `element` of rrweb's node types. */
const ELEMENT = 2;

interface SnapshotNode {
  type?: unknown;
  tagName?: unknown;
  attributes?: unknown;
  childNodes?: unknown;
}

/** Makes `event` safe, in place. False: it cannot be shown at all. */
export function sanitise(event: eventWithTime): boolean {
  if (event.type === EventType.FullSnapshot) return sanitiseTree(event.data.node);
  if (event.type !== EventType.IncrementalSnapshot) return true;
  const data = event.data as { source: unknown; adds?: unknown; attributes?: unknown };
  if (data.source !== IncrementalSource.Mutation) return true;
  for (const list of ["adds", "removes", "texts", "attributes"] as const) {
    if (!Array.isArray((data as Record<string, unknown>)[list]))
      (data as Record<string, unknown>)[list] = [];
  }
  for (const change of data.attributes as { attributes?: unknown }[])
    sanitiseAttributes("", change?.attributes);
  return (data.adds as { node?: unknown }[]).every(
    (add) => isNode(add?.node) && sanitiseTree(add.node),
  );
}

function sanitiseTree(root: unknown): boolean {
  if (!isNode(root)) return false;
  const stack: { node: SnapshotNode; depth: number }[] = [{ node: root, depth: 0 }];
  let nodes = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, depth } = next;
    if (++nodes > NODES_MAX) return false;
    if (node.type === ELEMENT) {
      if (typeof node.tagName !== "string") return false;
      if (typeof node.attributes !== "object" || node.attributes === null) node.attributes = {};
      sanitiseAttributes(node.tagName.toLowerCase(), node.attributes);
    }
    if (!Array.isArray(node.childNodes)) continue;
    node.childNodes = depth >= DEPTH_MAX ? [] : node.childNodes.filter(isNode);
    for (const child of node.childNodes as SnapshotNode[])
      stack.push({ node: child, depth: depth + 1 });
  }
  return true;
}

const NEVER = new Set([
  "srcdoc",
  "ping",
  "autofocus",
  "autoplay",
  "nonce",
  "http-equiv",
  "formaction",
  "action",
]);
const LINKS = new Set(["href", "xlink:href", "src", "data", "poster", "background"]);
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
]);

function sanitiseAttributes(tagName: string, attributes: unknown): void {
  if (typeof attributes !== "object" || attributes === null) return;
  const map = attributes as Record<string, unknown>;
  for (const name of Object.keys(map)) {
    const lower = name.toLowerCase();
    if (
      lower.startsWith("on") ||
      NEVER.has(lower) ||
      (LINKS.has(lower) && (LOADERS.has(tagName) || isScriptUrl(map[name]))) ||
      (lower === "rel" && !isHarmlessRelation(map[name]))
    ) {
      delete map[name];
    }
  }
}

function isScriptUrl(value: unknown): boolean {
  // The browser's own parser, which skips the same controls and blanks as a click would.
  const protocol =
    typeof value === "string" ? URL.parse(value, "https://page.invalid/")?.protocol : null;
  return protocol === "javascript:" || protocol === "vbscript:";
}

/** `preconnect`, `dns-prefetch`, `prefetch`, `prerender` and their like reach out without regard to any policy. */
function isHarmlessRelation(value: unknown): boolean {
  return typeof value === "string" && !/pre(connect|fetch|render|load)|dns/i.test(value);
}

function isNode(value: unknown): value is SnapshotNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
