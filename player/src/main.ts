// Small, so that it runs soon: what a link leads to is asked for while the application loads.

import { readAccess } from "./access.ts";
import { beginEarly } from "./early.ts";
import { takeRoute } from "./route.ts";
import { screens } from "./ui/screens.ts";

const route = takeRoute();
const access = readAccess();
const app = import("./ui/start.ts");
const early =
  route.name === "session" ? access.then((known) => beginEarly(known, route.link)) : null;
// Whoever shows the application tells of what went wrong; here nothing waits for these.
void screens[route.name]().catch(() => {});
early?.catch(() => {});

// No await: the application imports modules that are bundled with this one, and would wait for it in turn.
void app.then(({ start }) => start({ route, access, early }));
