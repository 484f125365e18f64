/**
 * Which edge is asked, and with which token.
 *
 * The edge comes from `tapedeck.json` beside the player's `index.html`, or was typed in by the person: never from a link, which could so send
 * a token to a stranger. A token is kept for as long as the tab, and given to no edge but the one it was kept for.
 */

export interface Access {
  edge: string | null;
  /** Whether `edge` comes with the player, and need not be asked for. */
  deployed: boolean;
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
  if (response.status === 404) return { edge: sessionStorage.getItem(EDGE_KEY), deployed: false };
  if (!response.ok)
    throw new ConfigError(
      `tapedeck.json cannot be read: the player's host answered ${response.status}`,
    );
  const config: unknown = await response.json().catch((cause: unknown) => {
    throw new ConfigError("tapedeck.json is not JSON", { cause });
  });
  const edge = parseEdge((config as { edge?: unknown } | null)?.edge);
  if (edge === null)
    throw new ConfigError("tapedeck.json names no edge that is an http or https URL");
  return { edge, deployed: true };
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

function tokenKey(edge: string, project: string): string {
  return `tapedeck.token ${edge} ${project}`;
}
