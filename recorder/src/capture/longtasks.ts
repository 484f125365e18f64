/**
 * Tasks that kept the page from answering for 50 ms and more, where the browser tells.
 */
import type { Emit } from "../events.js";
import type { Guard } from "../guard.js";

/** Watches until the function it returns is called. */
export function watchLongTasks(emit: Emit, guard: Guard): () => void {
  if (!PerformanceObserver.supportedEntryTypes?.includes("longtask")) return () => {};
  const observer = new PerformanceObserver(
    guard((list: PerformanceObserverEntryList) => {
      for (const { startTime, duration } of list.getEntries()) {
        emit("tapedeck.longtask", {
          started_ms: Math.round(performance.timeOrigin + startTime),
          duration_ms: Math.round(duration),
        });
      }
    }),
  );
  observer.observe({ type: "longtask" });
  return () => observer.disconnect();
}
