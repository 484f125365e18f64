/**
 * Whether the page is seen, hidden or left.
 */
import type { Emit } from "../events.js";
import type { Guard } from "../guard.js";

export interface Leaving {
  /** The page became hidden: it may come back, or be gone without another word. */
  hidden(): void;
  /** The page is seen again. */
  seen(): void;
  /** The page is being left. */
  left(): void;
}

/** Watches until the function it returns is called. */
export function watchVisibility(emit: Emit, leaving: Leaving, guard: Guard): () => void {
  let left = false;
  const onVisibility = guard(() => {
    // A page that is left becomes hidden after `pagehide`, which says nothing new and would cost an upload.
    if (left) return;
    emit("tapedeck.visibility", { state: document.visibilityState });
    if (document.visibilityState === "hidden") leaving.hidden();
    else leaving.seen();
  });
  const onPageHide = guard(() => {
    left = true;
    leaving.left();
  });
  const onPageShow = guard(({ persisted }: PageTransitionEvent) => {
    if (left && persisted) {
      emit("tapedeck.visibility", { state: "visible", restored: true });
      leaving.seen();
    }
    left = false;
  });
  // Firefox lets go of most of what a closing tab asks for at `pagehide`; what is asked for before that arrives.
  const onBeforeUnload = guard(() => leaving.hidden());
  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("beforeunload", onBeforeUnload);
  window.addEventListener("pagehide", onPageHide);
  window.addEventListener("pageshow", onPageShow);
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("beforeunload", onBeforeUnload);
    window.removeEventListener("pagehide", onPageHide);
    window.removeEventListener("pageshow", onPageShow);
  };
}
