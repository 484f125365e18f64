/**
 * Whether the page writes its document anew: `document.open` takes every listener away, ours too.
 */
import type { Guard } from "../guard.js";

/** Calls `renewed` each time until the function it returns is called. */
export function watchDocument(renewed: () => void, guard: Guard): () => void {
  let root = document.documentElement;
  const look = guard(() => {
    const { documentElement } = document;
    if (!documentElement || documentElement === root) return;
    root = documentElement;
    renewed();
  });
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true });
  return () => observer.disconnect();
}
