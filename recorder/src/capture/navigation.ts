/**
 * Changes of the page's URL without a page load.
 */
import type { Payloads } from "../events.js";
import type { Guard } from "../guard.js";
import { wrap } from "../wrap.js";

type Kind = Payloads["tapedeck.navigation"]["kind"];

/** Calls `changed` with the URLs before and after, until the function it returns is called. */
export function watchNavigation(
  changed: (from: string, to: string, kind: Kind) => void,
  guard: Guard,
): () => void {
  let last = location.href;
  const look = guard((kind: Kind) => {
    const now = location.href;
    if (now === last) return;
    const from = last;
    last = now;
    changed(from, now, kind);
  });
  const onPop = (): void =>
    look(withoutFragment(location.href) === withoutFragment(last) ? "hash" : "pop");
  const onHash = (): void => look("hash");
  addEventListener("popstate", onPop);
  addEventListener("hashchange", onHash);
  const around =
    (kind: Kind) =>
    (original: History["pushState"]): History["pushState"] =>
      function (this: History, ...args) {
        original.apply(this, args);
        look(kind);
      };
  const undo = [
    wrap(history, "pushState", around("push")),
    wrap(history, "replaceState", around("replace")),
  ];
  return () => {
    removeEventListener("popstate", onPop);
    removeEventListener("hashchange", onHash);
    for (const one of undo) one();
  };
}

function withoutFragment(url: string): string {
  return url.replace(/#.*$/s, "");
}
