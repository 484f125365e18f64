/**
 * The manifest of a session, as far as the player uses it. The form is spec/manifest.md, and names of fields are the spec's.
 */

export interface Manifest {
  started_ms: number;
  /** Exclusive. */
  ended_ms: number;
  skew_ms?: number;
  users: string[];
  environment?: Environment;
  pages: Page[];
  errors: ErrorMark[];
  errors_omitted: number;
  markers: Marker[];
}

export interface Environment {
  release?: string;
  environment?: string;
  browser?: Browser;
}

/** What a browser tells of itself; each may be absent. */
export interface Browser {
  user_agent?: string;
  languages?: string[];
  time_zone?: string;
  viewport?: [number, number];
  screen?: [number, number];
  pixel_ratio?: number;
  cores?: number;
  memory_gb?: number;
  connection?: { type?: string; rtt_ms?: number; save_data?: boolean };
  extensions?: string[];
  color_scheme?: ColorScheme;
}

/** What the visitor prefers. */
export type ColorScheme = "light" | "dark";

export interface Page {
  page: string;
  opening?: { url?: string; title?: string; tab?: string };
  first_ms: number;
  last_ms: number;
  /** Sorted by seq, then hash. */
  chunks: Chunk[];
  /** Stretches within a chunk of which nothing is there: a tape joins what lies around them. */
  gaps?: [number, number][];
}

export interface ChunkRef {
  page: string;
  seq: number;
  hash: string;
}

/** A chunk in the bucket that the manifest does not know. */
export interface NewerChunk extends ChunkRef {
  bytes: number;
}

export interface Chunk {
  seq: number;
  hash: string;
  first_ms: number;
  last_ms: number;
  bytes: number;
  inflated_bytes: number;
  events: number;
  /** Time of the full snapshot, and index of the meta event before it. */
  checkpoints: [number, number][];
  /** First and last moment at which the visitor was with this page. */
  active?: [number, number];
}

export interface Position {
  at_ms: number;
  page: string;
}

export interface ErrorMark {
  at: Position;
  type: string;
  message: string;
}

export interface Marker {
  at: Position;
  kind: string;
  label: string;
}

/** The name of a chunk, by which URLs are asked for and given. */
export function chunkName(page: string, seq: number, hash: string): string {
  return `${page}-${String(seq).padStart(5, "0")}-${hash}`;
}

/** The page load that a chunk is of, by its name. */
export function pageOfChunk(name: string): string {
  return name.slice(0, name.indexOf("-"));
}

const CHUNK_NAME = /^[0-9A-Za-z]{8}-\d{5,}-[0-9a-f]{8}$/;

/** Whether `name` is one that {@link chunkName} makes of ids as in spec/ids.md. */
export function isChunkName(name: string): boolean {
  return CHUNK_NAME.test(name);
}

/** What cannot be read as a reply or a manifest of a version that this player knows. */
export class FormatError extends Error {
  override name = "FormatError";
}

/**
 * The manifest in `json`, which is as yet any value.
 *
 * @throws {FormatError} if it is none, or of another version.
 */
export function parseManifest(json: unknown): Manifest {
  const root = object(json, "manifest");
  if (root.version !== 1)
    throw new FormatError(`manifest has version ${String(root.version)}, this player reads 1`);
  return {
    started_ms: number(root.started_ms, "started_ms"),
    ended_ms: number(root.ended_ms, "ended_ms"),
    ...(typeof root.skew_ms === "number" ? { skew_ms: root.skew_ms } : {}),
    users: optionalArray(root.users).map(text),
    ...(root.environment === undefined ? {} : { environment: parseEnvironment(root.environment) }),
    pages: array(root.pages, "pages").map(parsePage),
    errors: optionalArray(root.errors).map((value) => {
      const error = object(value, "error");
      return { at: parsePosition(error.at), type: text(error.type), message: text(error.message) };
    }),
    errors_omitted: typeof root.errors_omitted === "number" ? root.errors_omitted : 0,
    markers: optionalArray(root.markers).map((value) => {
      const marker = object(value, "marker");
      return { at: parsePosition(marker.at), kind: text(marker.kind), label: text(marker.label) };
    }),
  };
}

/** `json` as one of the `newer` chunks of spec/viewer-api.md. */
export function parseNewerChunk(json: unknown): NewerChunk {
  const ref = object(json, "chunk");
  return {
    page: text(ref.page),
    seq: number(ref.seq, "seq"),
    hash: text(ref.hash),
    bytes: number(ref.bytes, "bytes"),
  };
}

function parsePage(value: unknown): Page {
  const page = object(value, "page");
  const opening = page.opening === undefined ? undefined : object(page.opening, "opening");
  return {
    page: text(page.page),
    ...(opening === undefined ? {} : { opening: parseOpening(opening) }),
    first_ms: number(page.first_ms, "first_ms"),
    last_ms: number(page.last_ms, "last_ms"),
    chunks: array(page.chunks, "chunks").map((value) => {
      const chunk = object(value, "chunk");
      return {
        seq: number(chunk.seq, "seq"),
        hash: text(chunk.hash),
        first_ms: number(chunk.first_ms, "first_ms"),
        last_ms: number(chunk.last_ms, "last_ms"),
        bytes: number(chunk.bytes, "bytes"),
        inflated_bytes: number(chunk.inflated_bytes, "inflated_bytes"),
        events: number(chunk.events, "events"),
        checkpoints: optionalArray(chunk.checkpoints).map((value) =>
          parsePair(value, "checkpoint"),
        ),
        ...(chunk.active === undefined ? {} : { active: parsePair(chunk.active, "active") }),
      };
    }),
  };
}

/** What a page's first `tapedeck.session` event tells of it: every field may be absent, and none is trusted to be text. */
export function parseOpening(opening: Record<string, unknown>): NonNullable<Page["opening"]> {
  const result: NonNullable<Page["opening"]> = {};
  if (typeof opening.url === "string") result.url = opening.url.slice(0, 1000);
  if (typeof opening.title === "string") result.title = opening.title.slice(0, 200);
  if (typeof opening.tab === "string") result.tab = opening.tab.slice(0, 200);
  return result;
}

export function parseEnvironment(value: unknown): Environment {
  const environment = object(value, "environment");
  const result: Environment = {};
  if (typeof environment.release === "string") result.release = environment.release.slice(0, 200);
  if (typeof environment.environment === "string")
    result.environment = environment.environment.slice(0, 200);
  if (isObject(environment.browser)) result.browser = parseBrowser(environment.browser);
  return result;
}

/** The fields of `browser` in spec/events.md that are of their form. */
export function parseBrowser(browser: Record<string, unknown>): Browser {
  const result: Browser = {};
  if (typeof browser.user_agent === "string") result.user_agent = browser.user_agent.slice(0, 1000);
  if (typeof browser.time_zone === "string") result.time_zone = browser.time_zone.slice(0, 200);
  for (const name of ["pixel_ratio", "cores", "memory_gb"] as const) {
    const value = browser[name];
    if (typeof value === "number") result[name] = value;
  }
  for (const name of ["viewport", "screen"] as const) {
    const [width, height] = Array.isArray(browser[name]) ? (browser[name] as unknown[]) : [];
    if (typeof width === "number" && typeof height === "number") result[name] = [width, height];
  }
  for (const name of ["languages", "extensions"] as const) {
    const value = browser[name];
    if (Array.isArray(value))
      result[name] = value.slice(0, 20).map((item) => text(item).slice(0, 200));
  }
  if (isObject(browser.connection)) {
    const { type, rtt_ms, save_data } = browser.connection;
    result.connection = {
      ...(typeof type === "string" ? { type: type.slice(0, 200) } : {}),
      ...(typeof rtt_ms === "number" ? { rtt_ms } : {}),
      ...(typeof save_data === "boolean" ? { save_data } : {}),
    };
  }
  if (browser.color_scheme === "light" || browser.color_scheme === "dark")
    result.color_scheme = browser.color_scheme;
  return result;
}

function parsePair(value: unknown, what: string): [number, number] {
  const pair = array(value, what);
  return [number(pair[0], what), number(pair[1], what)];
}

function parsePosition(value: unknown): Position {
  const at = object(value, "position");
  return { at_ms: number(at.at_ms, "at_ms"), page: text(at.page) };
}

export function object(value: unknown, what: string): Record<string, unknown> {
  if (!isObject(value)) throw new FormatError(`${what} is ${kind(value)}, expected an object`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function array(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new FormatError(`${what} is ${kind(value)}, expected an array`);
  return value;
}

export function number(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new FormatError(`${what} is ${kind(value)}, expected a number`);
  }
  return value;
}

function optionalArray(value: unknown): unknown[] {
  return value === undefined ? [] : array(value, "list");
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function kind(value: unknown): string {
  if (value === undefined) return "absent";
  return value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
}
