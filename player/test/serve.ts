/** Serves the built player with a recorded and a made-up session, to look at: `npm run build && node test/serve.ts`. */

import { launch } from "./browser.ts";
import { makeUp, record } from "./recording.ts";
import { startStack } from "./server.ts";

const browser = await launch();
const recorded = await record(browser);
await browser.close();
const madeUp = makeUp({
  startMs: Date.now() - 30 * 60_000,
  minutes: 20,
  chunkSeconds: 20,
  checkpointEvery: 6,
});
const stack = await startStack();
stack.add(recorded);
stack.add(madeUp);
console.log(`recorded  ${stack.link(recorded)}\nmade up   ${stack.link(madeUp)}`);
