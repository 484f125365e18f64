// `cargo xtask package`: unpacks each file of a release elsewhere, and uses it.
//
//   node tests/release/check.ts FOLDER UNPACKED

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import process from "node:process";
import { integrityOf, type Manifest } from "../../recorder/publish.ts";
import { ROOT } from "../harness/stack.ts";
import { until } from "../harness/until.ts";

const [place, elsewhere] = process.argv.slice(2).map((path) => resolve(path));
if (place === undefined || elsewhere === undefined) {
  throw new Error("expected: node check.ts FOLDER UNPACKED");
}
rmSync(elsewhere, { recursive: true, force: true });
mkdirSync(elsewhere, { recursive: true });

const names = readdirSync(place).filter((name) => name !== "SHA256SUMS");

/** The one file whose name fits. */
function find(pattern: RegExp): string {
  const found = names.filter((name) => pattern.test(name));
  const [name] = found;
  if (name === undefined || found.length > 1) {
    throw new Error(`${found.length} files of ${place} fit ${pattern}, expected one`);
  }
  return join(place as string, name);
}

function expect(holds: boolean, what: string): void {
  if (!holds) {
    throw new Error(`not so: ${what}`);
  }
}

function unzip(pattern: RegExp, name: string): string {
  const folder = join(elsewhere as string, name);
  execFileSync("python3", ["-m", "zipfile", "-e", find(pattern), folder]);
  // Lambda takes a program alone; its licences are those of the crate.
  if (name !== "indexer") {
    checkLicences(folder);
  }
  return folder;
}

function untar(file: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xzf", file, "-C", folder, "--strip-components=1"]);
  checkLicences(folder);
  return folder;
}

/** Packages carry copies, since npm packs no links. */
function checkLicences(folder: string): void {
  for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    const file = join(folder, name);
    const holds = existsSync(file) && readFileSync(file).equals(readFileSync(join(ROOT, name)));
    expect(holds, `${folder} has the ${name}`);
  }
}

function checkSums(): void {
  const lines = readFileSync(join(place as string, "SHA256SUMS"), "utf8")
    .trimEnd()
    .split("\n");
  const sums = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  expect([...sums.keys()].sort().join() === names.sort().join(), "SHA256SUMS names each file");
  for (const [name, sum] of sums) {
    const found = createHash("sha256")
      .update(readFileSync(join(place as string, name)))
      .digest("hex");
    expect(found === sum, `${name} has the digest that SHA256SUMS says`);
  }
}

/** Names of packages that a built file imports. */
function imports(text: string): Set<string> {
  const found = text.matchAll(/(?:from|import)\s*\(?\s*"([^".][^"]*)"/g);
  return new Set(
    [...found].map(([, path = ""]) =>
      path
        .split("/")
        .slice(0, path.startsWith("@") ? 2 : 1)
        .join("/"),
    ),
  );
}

function checkRecorder(): void {
  const folder = join(elsewhere as string, "node_modules/@tapedeck/recorder");
  untar(find(/^tapedeck-recorder-.*\.tgz$/), folder);
  const described = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const path of Object.values(described.exports).flatMap((entry) =>
    typeof entry === "string" ? [entry] : Object.values(entry as Record<string, string>),
  )) {
    expect(existsSync(join(folder, path)), `the recorder's package has ${path}`);
  }
  for (const name of ["index.js", "otel.js"]) {
    for (const used of imports(readFileSync(join(folder, "dist", name), "utf8"))) {
      const declared = { ...described.dependencies, ...described.peerDependencies };
      expect(used in declared, `the recorder declares ${used}, which ${name} imports`);
    }
  }
  // As a site's bundler would find it.
  const script = join(elsewhere as string, "use.mjs");
  writeFileSync(
    script,
    `import * as recorder from "@tapedeck/recorder";\nconsole.log(JSON.stringify(Object.keys(recorder)));\n`,
  );
  const exported: string[] = JSON.parse(execFileSync(process.execPath, [script]).toString());
  expect(exported.includes("init"), `the recorder exports init, found ${exported}`);
}

function checkPlayer(): void {
  const packed = join(elsewhere as string, "node_modules/@tapedeck/player");
  untar(find(/^tapedeck-player-.*\.tgz$/), packed);
  const folder = unzip(/^tapedeck-player-.*\.zip$/, "player");
  for (const at of [join(packed, "dist"), folder]) {
    for (const page of ["index.html", "embed.html"]) {
      const text = readFileSync(join(at, page), "utf8");
      const used = [...text.matchAll(/(?:src|href)="\.?\/?([^":#]+)"/g)].map(([, path]) => path);
      expect(used.length > 0, `${page} loads something`);
      for (const path of used) {
        expect(existsSync(join(at, path as string)), `${page} loads ${path}`);
      }
    }
  }
  execFileSync(process.execPath, [
    join(folder, "headers.ts"),
    ...["--edge", "https://replay.example", "--out", folder],
  ]);
  const headers = readFileSync(join(folder, "_headers"), "utf8");
  expect(headers.includes("https://replay.example"), "the player's headers name the edge");
}

function checkRecorderFiles(): void {
  const folder = unzip(/^tapedeck-recorder-.*\.zip$/, "recorder-files");
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, "r/manifest.json"), "utf8"));
  for (const [version, files] of Object.entries(manifest.versions)) {
    for (const [name, { integrity }] of Object.entries(files)) {
      const text = readFileSync(join(folder, "r", version, name), "utf8");
      expect(integrityOf(text) === integrity, `r/${version}/${name} is what its manifest says`);
    }
  }
}

/** The Worker of the unpacked bundle, in workerd. */
async function checkEdge(): Promise<void> {
  const folder = unzip(/^tapedeck-edge-.*\.zip$/, "edge");
  const port = await freePort();
  const vars = join(elsewhere as string, "vars.json");
  writeFileSync(vars, "{}");
  const child = spawn(process.execPath, [join(ROOT, "local/edge/serve.mjs")], {
    env: { ...process.env, EDGE: folder, PORT: String(port), VARS: vars },
    stdio: ["pipe", "ignore", "inherit"],
  });
  try {
    const status = await until(
      "the unpacked Worker",
      async () => (await fetch(`http://127.0.0.1:${port}/health`)).status,
      60_000,
    );
    expect(status === 200, `the unpacked Worker says 200, found ${status}`);
  } finally {
    await end(child);
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.stdin?.end();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Lambda starts `bootstrap`: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html */
function checkIndexer(): void {
  const folder = unzip(/^tapedeck-indexer-.*-arm64\.zip$/, "indexer");
  expect(readdirSync(folder).join() === "bootstrap", "the indexer's zip has bootstrap alone");
  const header = readFileSync(join(folder, "bootstrap")).subarray(0, 20);
  expect(header.toString("latin1", 0, 4) === "\x7fELF", "bootstrap is an ELF file");
  expect(header.readUInt16LE(18) === 183, "bootstrap is for AArch64");
  const list =
    "import sys, zipfile; print([(e.external_attr >> 16) & 0o777 for e in zipfile.ZipFile(sys.argv[1]).infolist()])";
  const modes = execFileSync("python3", ["-c", list, find(/arm64\.zip$/)])
    .toString()
    .trim();
  expect(modes === `[${0o755}]`, `bootstrap may be executed, found ${modes}`);
}

function checkCrates(): void {
  for (const [name, main] of [
    ["tapedeck-scan", "src/lib.rs"],
    ["tapedeck-core", "src/lib.rs"],
    ["tapedeck-s3-store", "src/lib.rs"],
    ["tapedeck-indexer", "src/main.rs"],
    ["tapedeck", "src/main.rs"],
  ] as const) {
    const folder = join(elsewhere as string, name);
    untar(find(new RegExp(`^${name}-\\d.*\\.crate$`)), folder);
    expect(existsSync(join(folder, main)), `${name} has ${main}`);
    const manifest = readFileSync(join(folder, "Cargo.toml"), "utf8");
    expect(!/^path = "\.\./m.test(manifest), `${name} depends on no folder beside it`);
  }
}

/** https://cyclonedx.org/docs/1.5/json/ */
function checkBills(): void {
  for (const [part, uses] of [
    ["lambda-indexer", "aws-sdk-s3"],
    ["edge-worker", "worker"],
    ["recorder", "web-vitals"],
    ["player", "hyparquet"],
  ]) {
    const bill = JSON.parse(readFileSync(find(new RegExp(`-${part}-.*\\.cdx\\.json$`)), "utf8"));
    expect(bill.bomFormat === "CycloneDX", `${part}'s bill is CycloneDX`);
    const components = bill.components as { name: string; version?: string; purl?: string }[];
    expect(
      components.some(({ name }) => name === uses || name.endsWith(`/${uses}`)),
      `${part}'s bill names ${uses}`,
    );
    expect(
      components.every(({ version, purl }) => version !== undefined && purl !== undefined),
      `${part}'s bill has a version and a package URL for each component`,
    );
  }
}

checkSums();
checkRecorder();
checkPlayer();
checkRecorderFiles();
checkCrates();
checkBills();
const infra = unzip(/^tapedeck-infra-.*\.zip$/, "infra");
expect(existsSync(join(infra, "aws/template.yaml")), "the template is there");
if (names.some((name) => name.endsWith("-arm64.zip"))) {
  checkIndexer();
} else {
  console.log("  the indexer for Lambda was left out");
}
await checkEdge();
console.log(`  ${names.length} files unpack and work`);
