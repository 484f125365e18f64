import { EventType, IncrementalSource, type serializedNodeWithId } from "@rrweb/types";
import type { Piece } from "./pieces.ts";

/** A change costs about a quarter of what a node costs in a second tree, which is built of the page and compared with it. */
const CHANGES_PER_NODE = 4;
/** Each makes the browser lay the page out, if the page was changed before. */
const SCROLLS_MAX = 8;

/**
 * Whether what lies between two moments is better done change by change, as while playing, than by rrweb's second tree (`useVirtualDom`), which
 * costs as much as the page is large: true where little changes on a large page.
 */
export function isDoneDirectly(pieces: readonly Piece[], fromMs: number, toMs: number): boolean {
  let [changes, scrolls, nodes] = [0, 0, 0];
  for (const { events } of pieces) {
    for (const { type, timestamp, data } of events) {
      if (timestamp > toMs) break;
      if (type === EventType.FullSnapshot) {
        [changes, scrolls, nodes] = [0, 0, nodesOf(data.node)];
      } else if (type === EventType.IncrementalSnapshot && timestamp > fromMs) {
        if (data.source === IncrementalSource.Scroll) scrolls++;
        if (data.source === IncrementalSource.Mutation)
          changes +=
            lengthOf(data.adds) +
            lengthOf(data.removes) +
            lengthOf(data.texts) +
            lengthOf(data.attributes);
      }
    }
  }
  return scrolls <= SCROLLS_MAX && changes <= nodes * CHANGES_PER_NODE;
}

function nodesOf(node: serializedNodeWithId): number {
  let nodes = 0;
  const left = [node];
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    nodes++;
    const inner: unknown = "childNodes" in one ? one.childNodes : undefined;
    if (Array.isArray(inner)) for (const child of inner) left.push(child);
  }
  return nodes;
}

/** A recording may be of any shape. */
function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}
