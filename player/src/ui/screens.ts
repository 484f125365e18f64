import type { Route } from "../route.ts";

const start = () => import("./Start.svelte");

/** What loads the screen of a route. Each loads what it needs itself: a link to a session has a budget (test/budget.test.ts). */
export const screens = {
  start,
  unknown: start,
  session: () => import("./SessionScreen.svelte"),
  find: () => import("./find/FindScreen.svelte"),
  plain: () => import("./PlainScreen.svelte"),
} satisfies Record<Route["name"], () => Promise<unknown>>;
