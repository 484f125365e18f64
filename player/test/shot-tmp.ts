import { launch, inState, seek } from "./browser.ts";
const [,, url, out, width, height, scheme, ...steps] = process.argv;
const browser = await launch();
const context = await browser.newContext({ viewport: { width: Number(width), height: Number(height) }, colorScheme: scheme as "dark" });
const page = await context.newPage();
page.on("console", (m) => console.log("console:", m.text()));
page.on("pageerror", (e) => console.log("pageerror:", e));
page.on("requestfailed", (r) => console.log("failed:", r.url().slice(0,100), r.failure()?.errorText));
await page.goto(url!);
await page.waitForTimeout(1500);
for (const step of steps) {
  if (step.startsWith("click:")) await page.click(step.slice(6));
  else if (step.startsWith("key:")) await page.keyboard.press(step.slice(4));
  else if (step.startsWith("wait:")) await page.waitForTimeout(Number(step.slice(5)));
  else if (step.startsWith("hover:")) { const b = await page.getByTestId("timeline").boundingBox(); await page.mouse.move(b!.x + b!.width * Number(step.slice(6)), b!.y + b!.height/2); }
  else if (step.startsWith("full")) {}
  await page.waitForTimeout(200);
}
console.log(await page.locator("[data-testid=player]").evaluateAll((e) => e.map((x) => JSON.stringify((x as HTMLElement).dataset))));
await page.screenshot({ path: out!, fullPage: steps.includes("full") });
await browser.close();
