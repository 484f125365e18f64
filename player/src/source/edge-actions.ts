/** What can be done with a session beside watching it: spec/viewer-api.md. Roles that may not are told so by the edge. */

import { FormatError, number } from "../session/manifest.ts";
import { callEdge, type EdgeAccess } from "./edge-calls.ts";
import { readable } from "./reach.ts";

export interface Share {
  expiresMs: number;
  /** Only what was recorded between these is shown; null: all of it. */
  window: { fromMs: number; toMs: number } | null;
}

/** A grant for one session. @throws {SourceError} */
export async function makeGrant(
  access: EdgeAccess,
  session: string,
  { expiresMs, window }: Share,
): Promise<string> {
  const reply = await callEdge(access, `/sessions/${session}/shares`, {
    method: "POST",
    body: {
      expires_ms: expiresMs,
      ...(window === null ? {} : { at_ms: window.fromMs, until_ms: window.toMs }),
    },
  });
  return readable(() => textOf(reply.grant, "grant"));
}

/** A ticket with which a visitor's next visit is recorded. @throws {SourceError} */
export async function makeTicket(
  access: EdgeAccess,
  expiresMs: number,
  note: string,
): Promise<{ ticket: string; expiresMs: number }> {
  const reply = await callEdge(access, "/tickets", {
    method: "POST",
    body: { expires_ms: expiresMs, note },
  });
  return readable(() => ({
    ticket: textOf(reply.ticket, "ticket"),
    expiresMs: number(reply.expires_ms, "expires_ms"),
  }));
}

export type Action = "pin" | "unpin" | "erase";

/** Asks for something that the indexer then does. Returns the request's id. @throws {SourceError} */
export async function request(
  access: EdgeAccess,
  session: string,
  action: Action,
): Promise<string> {
  const path = `/sessions/${session}${action === "erase" ? "" : "/pin"}`;
  const reply = await callEdge(access, path, { method: action === "pin" ? "POST" : "DELETE" });
  return readable(() => textOf(reply.request, "request"));
}

/** How far a request has come: `accepted`, `running`, `waiting`, `done`, `failed` (spec/requests.md), and why it failed. @throws {SourceError} */
export async function stateOf(
  access: EdgeAccess,
  id: string,
  signal: AbortSignal,
): Promise<{ state: string; detail: string | null }> {
  const reply = await callEdge(access, `/erasures/${encodeURIComponent(id)}`, { signal });
  return readable(() => ({
    state: textOf(reply.state, "state"),
    detail: typeof reply.detail === "string" ? reply.detail : null,
  }));
}

function textOf(value: unknown, what: string): string {
  if (typeof value !== "string") throw new FormatError(`${what} is ${typeof value}, expected text`);
  return value;
}
