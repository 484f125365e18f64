import type { Moment } from "./source/source.ts";

export interface SessionLink {
  project: string;
  session: string;
  at: Moment;
  /** Taken out of the address bar before anything else happens. */
  token: string | null;
}

export type Route =
  | { name: "start" }
  | { name: "session"; link: SessionLink }
  | { name: "unknown"; hash: string };

const PROJECT = /^[a-z0-9][a-z0-9-]{1,31}$/;
const SESSION = /^[0-9a-f]{32}$/;

/** What an address's fragment asks for: `#/` or `#/sessions/{project}/{session}?token=…&at=…`. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  if (path === "" || path === "/") return { name: "start" };
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
      token: parameters.get("token") || null,
    },
  };
}

/** The fragment of a link to a session, never with a token. */
export function sessionHash({ project, session, at }: Omit<SessionLink, "token">): string {
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
  return { project, session, at: "start", token: null };
}

/** When a session started, which its id tells (spec/ids.md), in Unix milliseconds. */
export function startOf(session: string): number {
  return Number.parseInt(session.slice(0, 8), 16) * 1000;
}

function parseMoment(text: string | null): Moment {
  if (text === "end") return "end";
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : "start";
}
