/**
 * Lays out the script tag's files as the edge serves them: `node publish.ts FOLDER [EDGE]` fills FOLDER with `r/{version}/`, `r/latest/`,
 * `r/manifest.json` and `_headers`. A version has the hash of its files in its name, so what lies there never changes and may be
 * cached for ever. Versions that EDGE serves now are kept, since pages name them: they are fetched, and held to their hashes.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FILES = ["tapedeck.js", "tapedeck-recorder.js", "tapedeck-recorder-full.js"];

/** One version's files: what a page holds them to, and how large they are. */
export type Version = Record<string, { integrity: string; bytes: number }>;

/** `r/manifest.json`: every version that is served, and which of them `latest` is. */
export interface Manifest {
  latest: string;
  versions: Record<string, Version>;
}

/** Subresource Integrity, as an `integrity` attribute has it. */
export function integrityOf(text: string): string {
  return `sha384-${createHash("sha384").update(text).digest("base64")}`;
}

/** The name of a release with these files. */
export function versionOf(release: string, files: Map<string, string>): string {
  const hash = createHash("sha256");
  for (const [name, text] of files) hash.update(`${name} ${text.length}\n${text}`);
  return `${release}-${hash.digest("hex").slice(0, 8)}`;
}

/** Everything that is served, by path. Versions of `kept` come with their files. */
export function layOut(
  release: string,
  files: Map<string, string>,
  kept: Map<string, Map<string, string>> = new Map(),
): Map<string, string> {
  const latest = versionOf(release, files);
  const paths = new Map<string, string>();
  const manifest: Manifest = { latest, versions: {} };
  for (const [version, texts] of new Map([...kept, [latest, files]])) {
    const described: Version = {};
    for (const [name, text] of texts) {
      paths.set(`r/${version}/${name}`, text);
      described[name] = { integrity: integrityOf(text), bytes: Buffer.byteLength(text) };
    }
    manifest.versions[version] = described;
  }
  for (const [name, text] of files) paths.set(`r/latest/${name}`, text);
  paths.set("r/manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);
  paths.set("_headers", headers(Object.keys(manifest.versions)));
  return paths;
}

/** Workers' static assets read this file: https://developers.cloudflare.com/workers/static-assets/headers/ */
function headers(versions: string[]): string {
  // Each path has one `Cache-Control`: values of several rules would be joined.
  const rules: [string, string[]][] = [
    [
      "/r/*",
      [
        "Access-Control-Allow-Origin: *",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy: cross-origin",
        "Referrer-Policy: no-referrer",
        "Strict-Transport-Security: max-age=31536000",
        "X-Content-Type-Options: nosniff",
      ],
    ],
    ["/r/latest/*", ["Cache-Control: public, max-age=300"]],
    ["/r/manifest.json", ["Cache-Control: public, max-age=60"]],
    ...versions.map((version): [string, string[]] => [
      `/r/${version}/*`,
      ["Cache-Control: public, max-age=31536000, immutable"],
    ]),
  ];
  return rules
    .map(([path, lines]) => `${path}\n${lines.map((line) => `  ${line}\n`).join("")}`)
    .join("");
}

/** The versions that an edge serves, with their files. An edge that serves none yet has no manifest. */
export async function fetchVersions(edge: string): Promise<Map<string, Map<string, string>>> {
  const kept = new Map<string, Map<string, string>>();
  const response = await fetch(`${edge}/r/manifest.json`);
  if (response.status === 404) return kept;
  if (!response.ok) throw new Error(`${edge}/r/manifest.json: status ${response.status}`);
  const { versions } = (await response.json()) as Manifest;
  for (const [version, described] of Object.entries(versions)) {
    const files = new Map<string, string>();
    for (const [name, { integrity }] of Object.entries(described)) {
      const text = await (await fetch(`${edge}/r/${version}/${name}`)).text();
      if (integrityOf(text) !== integrity)
        throw new Error(`${edge}/r/${version}/${name} is not what its manifest says`);
      files.set(name, text);
    }
    kept.set(version, files);
  }
  return kept;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, edge] = process.argv.slice(2);
  if (folder === undefined) throw new Error("expected: node publish.ts FOLDER [EDGE]");
  const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const { version } = JSON.parse(await readFile(at("package.json"), "utf8"));
  const files = new Map<string, string>();
  for (const name of FILES) files.set(name, await readFile(at(`dist/${name}`), "utf8"));
  const kept = edge === undefined ? undefined : await fetchVersions(edge.replace(/\/$/, ""));
  await rm(folder, { recursive: true, force: true });
  for (const [path, text] of layOut(version, files, kept)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
