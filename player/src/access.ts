/**
 * Which edge is asked, and with which token.
 *
 * The edge comes from `tapedeck.json` beside the player's `index.html`, or was typed in by the person: never from a link, which could so send
 * a token to a stranger. A token is kept for as long as the tab, and given to no edge but the one it was kept for.
 */

import { parseTraceTemplate } from "./entries/trace.ts";
import type { SessionLink } from "./route.ts";
import type { Credential } from "./source/edge-calls.ts";

export interface Access {
  edge: string | null;
  /** Whether `edge` comes with the player, and need not be asked for. */
  deployed: boolean;
  /** Origins from which recorded pages may show images and fonts: the same as in the player's headers. */
  assets: string[];
  /** Origins of pages that may embed the player and drive it: the same as in the player's headers. */
  embedders: string[];
  /** The page of a trace in the user's tracing tool, with `{trace}` in the place of its id. */
  trace: string | null;
}

const EDGE_KEY = "tapedeck.edge";
const PROJECT_KEY = "tapedeck.project";

export class ConfigError extends Error {
  override name = "ConfigError";
}

/**
 * The edge to ask: the one of `tapedeck.json`, if there is such a file.
 *
 * @throws {ConfigError} if the file is there and wrong.
 */
export async function readAccess(): Promise<Access> {
  const response = await fetch("./tapedeck.json", { cache: "no-cache" });
  if (response.status === 404) {
    const edge = sessionStorage.getItem(EDGE_KEY);
    return { edge, deployed: false, assets: [], embedders: [], trace: null };
  }
  if (!response.ok)
    throw new ConfigError(
      `tapedeck.json cannot be read: the player's host answered ${response.status}`,
    );
  const config: unknown = await response.json().catch((cause: unknown) => {
    throw new ConfigError("tapedeck.json is not JSON", { cause });
  });
  const fields = (config ?? {}) as Record<"edge" | "assets" | "embedders" | "trace", unknown>;
  const rest = {
    assets: origins(fields.assets, "assets"),
    embedders: origins(fields.embedders, "embedders"),
    trace: traceOf(fields.trace),
  };
  // A player for tapes and plain URLs alone has no edge.
  if (fields.edge === undefined)
    return { edge: sessionStorage.getItem(EDGE_KEY), deployed: false, ...rest };
  const edge = parseEdge(fields.edge);
  if (edge === null)
    throw new ConfigError("tapedeck.json names no edge that is an http or https URL");
  return { edge, deployed: true, ...rest };
}

function traceOf(value: unknown): string | null {
  if (value === undefined) return null;
  const template = parseTraceTemplate(value);
  if (template === null)
    throw new ConfigError("tapedeck.json's trace is no http or https URL with {trace} in it");
  return template;
}

function origins(value: unknown, field: string): string[] {
  if (value === undefined) return [];
  const isOrigin = (text: unknown) => typeof text === "string" && URL.parse(text)?.origin === text;
  if (!Array.isArray(value) || !value.every(isOrigin))
    throw new ConfigError(
      `tapedeck.json's ${field} are not all origins such as https://shop.example`,
    );
  return value;
}

/** Keeps an edge that a person typed in. */
export function keepEdge(edge: string): void {
  sessionStorage.setItem(EDGE_KEY, edge);
}

/** `value` as the URL of an edge, without a slash at the end, or null. */
export function parseEdge(value: unknown): string | null {
  const url = typeof value === "string" ? URL.parse(value.trim()) : null;
  if (
    url === null ||
    !["http:", "https:"].includes(url.protocol) ||
    url.username !== "" ||
    url.password !== ""
  ) {
    return null;
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/** Keeps what a link brought: a token for its project, a grant for its session. */
export function keepCredential(
  edge: string,
  { project, session }: { project: string; session: string },
  { kind, value }: Credential,
): void {
  if (kind === "token") keepToken(edge, project, value);
  else sessionStorage.setItem(grantKey(edge, project, session), value);
}

/** What opens a link's session: what it brought, which is kept, or what was kept before. */
export function takeCredential(edge: string, link: SessionLink): Credential | null {
  keepProject(link.project);
  if (link.credential === null) return keptCredential(edge, link.project, link.session);
  keepCredential(edge, link, link.credential);
  return link.credential;
}

/** What is kept for a session: a token of its project before a grant, which allows less. */
export function keptCredential(edge: string, project: string, session: string): Credential | null {
  const token = keptToken(edge, project);
  if (token !== null) return { kind: "token", value: token };
  const grant = sessionStorage.getItem(grantKey(edge, project, session));
  return grant === null ? null : { kind: "grant", value: grant };
}

export function forgetGrant(edge: string, project: string, session: string): void {
  sessionStorage.removeItem(grantKey(edge, project, session));
}

export function keepToken(edge: string, project: string, token: string): void {
  sessionStorage.setItem(tokenKey(edge, project), token);
}

export function keptToken(edge: string, project: string): string | null {
  return sessionStorage.getItem(tokenKey(edge, project));
}

export function forgetToken(edge: string, project: string): void {
  sessionStorage.removeItem(tokenKey(edge, project));
}

export function keepProject(project: string): void {
  sessionStorage.setItem(PROJECT_KEY, project);
}

export function keptProject(): string {
  return sessionStorage.getItem(PROJECT_KEY) ?? "";
}

function grantKey(edge: string, project: string, session: string): string {
  return `tapedeck.grant ${edge} ${project} ${session}`;
}

function tokenKey(edge: string, project: string): string {
  return `tapedeck.token ${edge} ${project}`;
}
