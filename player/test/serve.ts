/** Serves the built player with a recorded, a made-up and a holed session, to look at: `npm run build && node test/serve.ts`. */

import { launchBrowser } from "../../tests/harness/browser.ts";
import { makeUp, manifestOf, record } from "./recording.ts";
import { startStack } from "./server.ts";

const browser = await launchBrowser();
const recorded = await record(browser);
await browser.close();
const madeUp = makeUp({
  startMs: Date.now() - 30 * 60_000,
  minutes: 20,
  chunkSeconds: 20,
  checkpointEvery: 6,
});
const whole = makeUp({
  startMs: Date.now() - 60 * 60_000,
  minutes: 5,
  chunkSeconds: 10,
  checkpointEvery: 6,
});
const chunks = whole.chunks.filter((chunk) => chunk.seq < 8 || chunk.seq > 12);
const holed = { ...whole, chunks, manifest: manifestOf(whole.project, whole.session, chunks) };
const stack = await startStack();
stack.add(holed);
stack.add(recorded);
stack.add(madeUp);
console.log(
  `recorded  ${stack.link(recorded)}\nmade up   ${stack.link(madeUp)}\nholed     ${stack.link(holed)}`,
);
