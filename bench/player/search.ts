// Finding among a million sessions: what five typical questions cost until the first page of their answer is there.

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Bucket } from "../../tests/harness/bucket.ts";
import { ROOT, type Stack } from "../../tests/harness/stack.ts";
import { LINE, type Setting, sum } from "./setting.ts";

const SESSIONS = Number(process.env.TAPEDECK_BENCH_SESSIONS ?? 1_000_000);
const DAYS = Number(process.env.TAPEDECK_BENCH_DAYS ?? 30);

export async function searching(setting: Setting): Promise<void> {
  const { figure, say, stack } = setting;
  await fillTables(stack);
  say("tables are there");
  for (const question of QUESTIONS) {
    const { seconds, mib, requests, counted } = await search(setting, question);
    say(
      `${question.what}: ${seconds.toFixed(2)} s, ${mib.toFixed(2)} MiB, ${requests} requests; ${counted}`,
    );
    const among = `${question.what}, among ${SESSIONS.toLocaleString("en")} sessions of ${DAYS} days`;
    figure(
      `search_${question.id}_s`,
      seconds,
      "s",
      3,
      "lower",
      `${among}, on ${LINE.bitsPerS / 1e6} Mbit/s and ${LINE.delayMs} ms: ${counted}`,
    );
    figure(
      `search_${question.id}_mib`,
      mib,
      "MiB",
      2,
      "lower",
      `the same: ${requests} requests, the list of files included`,
    );
  }
}
/** What somebody asks of a project's tables, how that is written in an address, and what is on the screen when it is answered. */
const QUESTIONS = [
  {
    id: "newest",
    what: "the newest sessions of the last 24 hours",
    hash: "sessions?hours=24",
    shows: "session-row",
  },
  {
    id: "user",
    what: "one user's sessions in 30 days",
    hash: "sessions?hours=720&user=u_002345",
    shows: "session-row",
  },
  {
    id: "rage",
    what: "rage clicks on phones in Germany in 7 days",
    hash: "sessions?hours=168&rage=1&country=DE&device=mobile",
    shows: "session-row",
  },
  {
    id: "errors",
    what: "error groups of the last 7 days, all counted",
    hash: "errors?hours=168",
    shows: null,
  },
  {
    id: "vitals",
    what: "one page's vitals by device and country in 7 days, all counted",
    hash: "pages/%2Fcheckout?hours=168",
    shows: null,
  },
] as const;

async function search(
  { browser, line, stack }: Setting,
  { hash, shows }: (typeof QUESTIONS)[number],
): Promise<{ seconds: number; mib: number; requests: number; counted: string }> {
  const { player, edge, project, viewer_token } = stack.up;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    proxy: { server: line.url },
  });
  try {
    const page = await context.newPage();
    await page.addInitScript(
      ([name, token]) => sessionStorage.setItem(name as string, token as string),
      [`tapedeck.token ${edge} ${project}`, viewer_token],
    );
    await page.goto(player);
    await page.waitForLoadState("networkidle");
    line.reset();
    const beganMs = Date.now();
    await page.goto(`${player}/#/find/${project}/${hash}`);
    // Few sessions may have none that is asked for.
    const answered =
      shows === null
        ? "[data-testid=find][data-state=done]"
        : `[data-testid=${shows}], [data-testid=nothing]`;
    await page.locator(answered).first().waitFor({ timeout: 60_000 });
    const endedMs = Date.now();
    const fetched = line.passed.filter(
      ({ url, askedMs }) => !url.startsWith(player) && askedMs < endedMs,
    );
    const counted = (await page.getByTestId("count").textContent()) ?? "";
    return {
      seconds: (endedMs - beganMs) / 1000,
      mib: sum(fetched) / 2 ** 20,
      requests: fetched.length,
      counted,
    };
  } finally {
    await context.close();
  }
}

/** A million sessions' tables in the bucket, by the indexer's own writer. */
async function fillTables(stack: Stack): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tapedeck-tables-"));
  try {
    const local = process.env.TAPEDECK_LOCAL ?? join(ROOT, "target/debug/tapedeck-local");
    const given = {
      project: stack.up.project,
      sessions: SESSIONS,
      days: DAYS,
      "until-ms": Date.now() - 60_000,
      out: folder,
    };
    const made = execFileSync(
      join(dirname(local), "tapedeck-bench-tables"),
      Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)]),
      { encoding: "utf8" },
    );
    console.log(`tables: ${made.trim()}`);
    const bucket = new Bucket(stack.up);
    const files = (await readdir(folder, { recursive: true })).filter((name) =>
      name.endsWith(".parquet"),
    );
    for (const name of files) await bucket.put(name, await readFile(join(folder, name)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
