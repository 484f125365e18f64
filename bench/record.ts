// Records the corpus that `edge.ts` measures with: `node record.ts`. Half a minute in the demo shop, in Chromium, through the whole stack; then the
// chunks as they are stored. It is committed, so that figures of different days are of the same bytes.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { visit } from "../tests/e2e/shop.ts";
import { launchBrowser } from "../tests/harness/browser.ts";
import { Bucket } from "../tests/harness/bucket.ts";
import { startStack } from "../tests/harness/stack.ts";

const CORPUS = new URL("./corpus/", import.meta.url);

const stack = await startStack();
try {
  const browser = await launchBrowser();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await visit(context, stack.up.demo);
  await browser.close();
  // What the closing page sent is on its way for a moment.
  await sleep(3_000);
  const bucket = new Bucket(stack.up);
  rmSync(CORPUS, { recursive: true, force: true });
  mkdirSync(CORPUS);
  let number = 0;
  for (const key of await bucket.keys("chunks/")) {
    const { body } = await bucket.get(key);
    writeFileSync(new URL(`${String(number++).padStart(2, "0")}.ndjson.gz`, CORPUS), body);
  }
  console.log(`${number} batches`);
} finally {
  await stack.stop();
}
