import { object } from "../session/manifest.ts";
import { reach, readable, retried } from "./reach.ts";
import { SourceError } from "./source.ts";

/** Who asks: a token of the project, or the grant of a link to one session. */
export interface Credential {
  kind: "token" | "grant";
  value: string;
}

/** Which edge is asked, about which project, and by whom. */
export interface EdgeAccess {
  /** The edge's URL, without a slash at the end. */
  edge: string;
  project: string;
  credential: Credential;
}

export interface EdgeCall {
  method?: "GET" | "POST" | "DELETE";
  body?: object;
  signal?: AbortSignal;
}

/** The reply of a viewer's call (spec/viewer-api.md) below `/v1/projects/{project}`. @throws {SourceError} */
export function callEdge(
  { edge, project, credential }: EdgeAccess,
  path: string,
  { method = "GET", body, signal }: EdgeCall,
): Promise<Record<string, unknown>> {
  const scheme = credential.kind === "token" ? "Bearer" : "Grant";
  return retried(signal, async () => {
    const response = await reach(`${edge}/v1/projects/${encodeURIComponent(project)}${path}`, {
      method,
      headers: {
        Authorization: `${scheme} ${credential.value}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      cache: "no-store",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const reply: unknown = await response.json().catch((cause: unknown) => {
      signal?.throwIfAborted();
      if (!response.ok) return {};
      throw new SourceError("unreadable", "edge's reply is not JSON", { cause });
    });
    if (response.ok) return readable(() => object(reply, "reply"));
    const detail =
      typeof reply === "object" && reply !== null
        ? (reply as Record<string, unknown>).detail
        : undefined;
    const message = typeof detail === "string" ? detail : `edge answered ${response.status}`;
    throw new SourceError(kindOf(response.status), message);
  });
}

function kindOf(status: number): SourceError["kind"] {
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not_found";
  return status === 429 || status >= 500 ? "unavailable" : "request";
}
