/**
 * Whether somebody is there: the visitor's own pointer, wheel and keys, never what scripts make up.
 */
import type { Guard } from "../guard.js";

const KINDS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

/** Calls `active` at each sign of the visitor until the function it returns is called. */
export function watchActivity(active: () => void, guard: Guard): () => void {
  const onInput = guard((event: Event) => {
    if (event.isTrusted) active();
  });
  const options = { capture: true, passive: true };
  for (const kind of KINDS) window.addEventListener(kind, onInput, options);
  return () => {
    for (const kind of KINDS) window.removeEventListener(kind, onInput, options);
  };
}
