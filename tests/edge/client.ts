import { expect } from "vitest";
import type { Project } from "../harness/project.ts";
import type { StackHandle } from "../harness/stack.ts";

/** What the edge answered, its body parsed. */
export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the edge says is checked by what the test expects of it.
  body: any;
}

/** What undici takes beside the DOM's types: a stream as body needs `duplex`. */
export type Init = RequestInit & { duplex?: "half" };

/** The origin that test projects allow. */
export const ORIGIN = "http://localhost:8080";

/** What every reply says to browsers, whatever else it says. */
export function expectSecurity(headers: Headers): void {
  expect(Object.fromEntries(headers)).toMatchObject({
    "access-control-allow-origin": "*",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
  });
  expect(headers.has("access-control-allow-credentials")).toBe(false);
}

/** Asks the edge, and checks what holds for every answer (spec/upload.md, spec/viewer-api.md). */
export async function ask(stack: StackHandle, path: string, init: Init = {}): Promise<Answer> {
  const response = await fetch(stack.up.edge + path, init);
  const text = await response.text();
  const { status, headers } = response;
  expect(headers.get("access-control-allow-origin"), `${status} ${text}`).toBe("*");
  expectSecurity(headers);
  if (status === 204) {
    return { status, headers, body: undefined };
  }
  expect(headers.get("content-type")).toBe("application/json");
  const body = JSON.parse(text);
  if (status >= 400) {
    expect(body).toMatchObject({ error: expect.any(String), detail: expect.any(String) });
  }
  if (status === 503 || status === 429) {
    expect(headers.get("retry-after")).toBe(String(body.retry_after_s));
  }
  return { status, headers, body };
}

/** Sends an upload's body as a recorder on an allowed page does. */
export function upload(
  stack: StackHandle,
  project: Pick<Project, "key">,
  body: RequestInit["body"],
  init: Init = {},
): Promise<Answer> {
  return ask(stack, `/v1/batches?key=${project.key}`, {
    method: "POST",
    headers: { origin: ORIGIN, "content-type": "text/plain" },
    body: body ?? null,
    ...init,
  });
}

/** Makes a viewer's call. */
export function view(
  stack: StackHandle,
  project: Pick<Project, "id" | "token">,
  path: string,
  init: Init = {},
): Promise<Answer> {
  return ask(stack, `/v1/projects/${project.id}/sessions/${path}`, {
    headers: { authorization: `Bearer ${project.token}` },
    ...init,
  });
}
