import { tick } from "svelte";
import { routeOf } from "../lib/route.ts";

/** Where the visitor is. Ordinary links to our own pages become history entries; see `follow`. */
class Router {
  #path = $state(location.pathname);
  readonly route = $derived(routeOf(this.#path));

  constructor() {
    addEventListener("popstate", () => {
      this.#path = location.pathname;
    });
  }

  async go(path: string): Promise<void> {
    history.pushState(null, "", path);
    this.#path = location.pathname;
    await tick();
    scrollTo(0, 0);
    // A screen reader begins where the focus is, and the link that had it may be gone.
    document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
  }

  /** Takes over a click on a link that stays in the shop; `data-reload` asks for a real page load. */
  follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.dataset.reload !== undefined) return;
    if (link.origin !== location.origin || link.hash) return;
    event.preventDefault();
    void this.go(link.pathname + link.search);
  };
}

export const router = new Router();
