/**
 * The script-tag build: `<script src="…/tapedeck.js" data-key="pk_…" data-edge="https://…"></script>` starts recording, and the
 * rest of the interface is the global `Tapedeck`.
 */
import { init, start } from "./index.js";

export * from "./index.js";

const { key, edge, release, environment } = document.currentScript?.dataset ?? {};
// Without a key the page calls `init` and `start` itself.
if (key !== undefined) {
  init({
    key,
    edge: edge ?? "",
    ...(release !== undefined && { release }),
    ...(environment !== undefined && { environment }),
  });
  start();
}
