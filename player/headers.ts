/**
 * The headers that the player is served with, made from headers.json and the projects' configs:
 *
 *     node player/headers.ts --edge https://replay.example.com --configs folder/of/config/projects --out player/dist
 *
 * writes `_headers` (the form of Cloudflare Pages and Netlify) and `tapedeck.json`, the player's own settings. `asset_origins` and stores come from
 * the configs; `--source` (an origin with tapes or manifests), `--embedder` (an origin that may embed) and `--store` may be given several times.
 * `--json FILE` writes the headers by path, too, for hosts that know no `_headers`.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export interface Places {
  /** Absent: the player plays only tapes and plain URLs. */
  edge: string | null;
  /** Origins of the buckets that signed URLs lead to. */
  stores: readonly string[];
  /** Origins of tapes and manifests at plain URLs. */
  sources: readonly string[];
  /** Origins from which recorded pages may show images and fonts. */
  assets: readonly string[];
  /** Origins of pages that may embed the player. */
  embedders: readonly string[];
}

/** Headers by path; `/*` is every other path. */
export type Headers = Record<string, Record<string, string>>;

/** The template with its placeholders replaced; each path has all of its headers. @throws if a place is not an origin. */
export function fillHeaders(template: Headers, places: Places): Headers {
  const list = (origins: readonly string[]) => [...new Set(origins.map(originOf))].join(" ");
  const values: Record<string, string> = {
    edge: places.edge === null ? "" : originOf(places.edge),
    stores: list(places.stores),
    sources: list(places.sources),
    assets: list(places.assets),
    embedders: list(places.embedders) || "'none'",
  };
  const fill = (text: string) =>
    text
      .replace(/\{(\w+)\}/g, (_, name: string) => {
        const value = values[name];
        if (value === undefined)
          throw new Error(`headers.json has a placeholder {${name}} that nothing fills`);
        return value;
      })
      .replace(/ +(?=;|$| )/g, "");
  const usual = template["/*"] ?? {};
  return Object.fromEntries(
    Object.entries(template).map(([path, own]) => [
      path,
      Object.fromEntries(
        Object.entries({ ...usual, ...own }).map(([name, value]) => [name, fill(value)]),
      ),
    ]),
  );
}

/** The origin of `text`. A path beneath it would be silently ignored by a policy for what it loads by redirect. @throws */
function originOf(text: string): string {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || /[\s;,'"*]/.test(text))
    throw new Error(`${JSON.stringify(text)} is no origin such as https://shop.example`);
  return url.origin;
}

/** The text of a `_headers` file. What a path says otherwise than all others is first taken back: such files join equal names. */
export function headersFile(headers: Headers): string {
  const usual = headers["/*"] ?? {};
  return Object.entries(headers)
    .map(([path, own]) => {
      const lines = Object.entries(own).flatMap(([name, value]) => {
        if (path === "/*") return [`  ${name}: ${value}`];
        if (usual[name] === value) return [];
        return [...(name in usual ? [`  ! ${name}`] : []), `  ${name}: ${value}`];
      });
      return [path, ...lines, ""].join("\n");
    })
    .join("\n");
}

/** The player's settings, as it reads them beside its `index.html`. */
export function tapedeckJson({ edge, assets, embedders }: Places): object {
  return {
    ...(edge === null ? {} : { edge }),
    assets: assets.map(originOf),
    embedders: embedders.map(originOf),
  };
}

/** What the configs of a folder (spec/config.md) say of assets and stores. */
export function readConfigs(folder: string): Pick<Places, "assets" | "stores"> {
  const configs = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map(
      (name) =>
        JSON.parse(readFileSync(join(folder, name), "utf8")) as {
          asset_origins?: string[];
          store?: { endpoint: string; bucket: string };
        },
    );
  return {
    assets: [...new Set(configs.flatMap(({ asset_origins = [] }) => asset_origins))],
    stores: [
      ...new Set(configs.flatMap(({ store }) => (store === undefined ? [] : storeOrigins(store)))),
    ],
  };
}

/** Signed URLs name the bucket in the path or in the host, as the edge is set up. */
function storeOrigins({ endpoint, bucket }: { endpoint: string; bucket: string }): string[] {
  const url = new URL(endpoint);
  return [url.origin, `${url.protocol}//${bucket}.${url.host}`];
}

export function readTemplate(): Headers {
  return JSON.parse(readFileSync(new URL("./headers.json", import.meta.url), "utf8")) as Headers;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      edge: { type: "string" },
      configs: { type: "string" },
      out: { type: "string" },
      store: { type: "string", multiple: true, default: [] },
      source: { type: "string", multiple: true, default: [] },
      embedder: { type: "string", multiple: true, default: [] },
      json: { type: "string" },
    },
  });
  if (values.out === undefined) throw new Error("--out names the folder of the built player");
  const found =
    values.configs === undefined ? { assets: [], stores: [] } : readConfigs(values.configs);
  const places: Places = {
    edge: values.edge ?? null,
    stores: [...values.store, ...found.stores],
    sources: values.source,
    assets: found.assets,
    embedders: values.embedder,
  };
  const headers = fillHeaders(readTemplate(), places);
  writeFileSync(join(values.out, "_headers"), headersFile(headers));
  writeFileSync(join(values.out, "tapedeck.json"), `${JSON.stringify(tapedeckJson(places))}\n`);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(headers, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
