/** Calls back when the browser has nothing to do, at the latest after two seconds; WebKit, which cannot tell, after one. */
export function whenIdle(callback: () => void): void {
  if (typeof requestIdleCallback === "function") requestIdleCallback(callback, { timeout: 2_000 });
  else setTimeout(callback, 1_000);
}
