import type { Credential } from "./source/edge-calls.ts";
import type { Moment } from "./source/source.ts";

export interface SessionLink {
  project: string;
  session: string;
  at: Moment;
  /** Taken out of the address bar before anything else happens. */
  credential: Credential | null;
}

/** A session that no edge is asked for: a manifest and chunks, or a tape, at plain URLs. */
export interface PlainLink {
  from: { manifest: string; chunks: string | null } | { tape: string };
  at: Moment;
}

/** What is looked for in a project. */
export interface FindLink {
  project: string;
  screen:
    | { table: "sessions" }
    | { table: "errors"; fingerprint: string | null }
    | { table: "pages"; route: string | null };
  /** As in an address, without a question mark. */
  query: string;
}

export type Route =
  | { name: "start" }
  | { name: "find"; link: FindLink }
  | { name: "session"; link: SessionLink }
  | { name: "plain"; link: PlainLink }
  | { name: "unknown"; hash: string };

const PROJECT = /^[a-z0-9][a-z0-9-]{1,31}$/;
const SESSION = /^[0-9a-f]{32}$/;

/** What an address's fragment asks for: the forms are in player/README.md. */
export function parseRoute(hash: string): Route {
  const mark = hash.indexOf("?");
  const path = (mark < 0 ? hash : hash.slice(0, mark)).replace(/^#/, "");
  const query = mark < 0 ? "" : hash.slice(mark + 1);
  if (path === "" || path === "/") return { name: "start" };
  if (path.startsWith("/find/")) return parseFind(path, query, hash);
  if (path === "/play") return parsePlain(new URLSearchParams(query), hash);
  const [, , project = "", session = "", more] = path.split("/");
  if (
    !path.startsWith("/sessions/") ||
    more !== undefined ||
    !PROJECT.test(project) ||
    !SESSION.test(session)
  ) {
    return { name: "unknown", hash };
  }
  const parameters = new URLSearchParams(query);
  return {
    name: "session",
    link: {
      project,
      session,
      at: parseMoment(parameters.get("at")),
      credential: parseCredential(parameters),
    },
  };
}

/** The route of the address bar, out of which a token goes before anything else happens. */
export function takeRoute(): Route {
  const route = parseRoute(location.hash);
  if (route.name === "session" && route.link.credential !== null)
    history.replaceState(history.state, "", sessionHash(route.link));
  return route;
}

function parseCredential(parameters: URLSearchParams): Credential | null {
  const [token, grant] = [parameters.get("token"), parameters.get("grant")];
  if (token) return { kind: "token", value: token };
  return grant ? { kind: "grant", value: grant } : null;
}

function parseFind(path: string, query: string, hash: string): Route {
  const [, , project = "", table = "sessions", name, more] = path.split("/");
  if (!PROJECT.test(project) || more !== undefined) return { name: "unknown", hash };
  const detail = name === undefined ? null : decoded(name);
  const screen = screenOf(table, detail);
  if (screen === null || (name !== undefined && detail === null)) return { name: "unknown", hash };
  return { name: "find", link: { project, screen, query } };
}

function screenOf(table: string, detail: string | null): FindLink["screen"] | null {
  if (table === "sessions" && detail === null) return { table };
  if (table === "errors") return { table, fingerprint: detail };
  return table === "pages" ? { table, route: detail } : null;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    // An address that was cut off within a sign.
    return null;
  }
}

/** The fragment of a list, of an error group, or of a route. */
export function findHash({ project, screen, query }: FindLink): string {
  const detail =
    screen.table === "errors" ? screen.fingerprint : screen.table === "pages" ? screen.route : null;
  const path = `#/find/${project}/${screen.table}${detail === null ? "" : `/${encodeURIComponent(detail)}`}`;
  return query === "" ? path : `${path}?${query}`;
}

function parsePlain(parameters: URLSearchParams, hash: string): Route {
  const [tape, manifest] = [webUrl(parameters.get("tape")), webUrl(parameters.get("manifest"))];
  const at = parseMoment(parameters.get("at"));
  if (tape !== null) return { name: "plain", link: { from: { tape }, at } };
  if (manifest === null) return { name: "unknown", hash };
  return { name: "plain", link: { from: { manifest, chunks: parameters.get("chunks") }, at } };
}

function webUrl(text: string | null): string | null {
  const url = text === null ? null : URL.parse(text);
  return url !== null && ["http:", "https:"].includes(url.protocol) ? url.href : null;
}

/** The fragment of a link to a session without an edge. */
export function plainHash({ from, at }: PlainLink): string {
  const parameters = new URLSearchParams();
  if ("tape" in from) parameters.set("tape", from.tape);
  else {
    parameters.set("manifest", from.manifest);
    if (from.chunks !== null) parameters.set("chunks", from.chunks);
  }
  if (at !== "start") parameters.set("at", String(at));
  return `#/play?${parameters}`;
}

/** What is watched, as far as the watching screen tells of it. */
export interface Watched {
  project: string | null;
  session: string | null;
  at: Moment;
  /** The fragment of a link to a moment; null where there is no address, as of a file. */
  hashAt: ((at: Moment) => string) | null;
}

export function sessionWatched({ project, session, at }: Omit<SessionLink, "credential">): Watched {
  return { project, session, at, hashAt: (at) => sessionHash({ project, session, at }) };
}

export function plainWatched({ from, at }: PlainLink): Watched {
  return { project: null, session: null, at, hashAt: (at) => plainHash({ from, at }) };
}

export function fileWatched(): Watched {
  return { project: null, session: null, at: "start", hashAt: null };
}

/** The fragment of a link to a session, never with a token. */
export function sessionHash({ project, session, at }: Omit<SessionLink, "credential">): string {
  return `#/sessions/${project}/${session}${at === "start" ? "" : `?at=${at}`}`;
}

/**
 * What a person pasted: a link to a session, from any player, or a session id, for which `project` is taken. Null: neither.
 */
export function parsePasted(text: string, project: string): SessionLink | null {
  const trimmed = text.trim();
  const hashAt = trimmed.indexOf("#/sessions/");
  if (hashAt >= 0) {
    const route = parseRoute(trimmed.slice(hashAt));
    return route.name === "session" ? route.link : null;
  }
  const session = trimmed.toLowerCase();
  if (!SESSION.test(session) || !PROJECT.test(project)) return null;
  return { project, session, at: "start", credential: null };
}

/** When a session started, which its id tells (spec/ids.md), in Unix milliseconds. */
export function startOf(session: string): number {
  return Number.parseInt(session.slice(0, 8), 16) * 1000;
}

function parseMoment(text: string | null): Moment {
  if (text === "end") return "end";
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : "start";
}
