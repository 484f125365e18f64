/**
 * Changes of the page's URL without a page load.
 */
import type { Emit, Payloads } from "../events.js";
import type { Guard } from "../guard.js";
import { maskUrl } from "../mask.js";

type Kind = Payloads["tapedeck.navigation"]["kind"];

/** Watches until the function it returns is called. */
export function watchNavigation(emit: Emit, guard: Guard): () => void {
  let watching = true;
  let last = location.href;
  const changed = guard((kind: Kind) => {
    const now = location.href;
    if (!watching || now === last) return;
    const from = last;
    last = now;
    emit("tapedeck.navigation", { from: maskUrl(from), to: maskUrl(now), kind });
  });
  const onPop = (): void =>
    changed(withoutFragment(location.href) === withoutFragment(last) ? "hash" : "pop");
  const onHash = (): void => changed("hash");
  window.addEventListener("popstate", onPop);
  window.addEventListener("hashchange", onHash);
  const unwrap = [
    wrap("pushState", () => changed("push")),
    wrap("replaceState", () => changed("replace")),
  ];
  return () => {
    watching = false;
    window.removeEventListener("popstate", onPop);
    window.removeEventListener("hashchange", onHash);
    for (const undo of unwrap) undo();
  };
}

function wrap(name: "pushState" | "replaceState", after: () => void): () => void {
  const original = history[name];
  const wrapped = function (this: History, ...args: Parameters<History["pushState"]>): void {
    original.apply(this, args);
    after();
  };
  // A page may have frozen `history`: then these changes are seen only when the visitor goes back.
  if (!Reflect.set(history, name, wrapped)) return () => {};
  return () => {
    // Whoever wrapped it after us still calls us, and must not be cut off.
    if (history[name] === wrapped) history[name] = original;
  };
}

function withoutFragment(url: string): string {
  return url.replace(/#.*$/s, "");
}
