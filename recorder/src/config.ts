/**
 * What of its project's configuration a recorder sees: `GET /v1/config` (`spec/config.md`).
 */
import type { Fetch } from "./http.js";
import type { Rates } from "./sampling.js";

export interface RecorderConfig {
  /** The project's id, where the configuration could be had. */
  readonly project?: string;
  readonly sampling: readonly Rates[];
  /** As the edge gave them; {@link numberIn} reads them. */
  readonly limits?: Numbers;
  readonly recorder?: Numbers;
}

/** Numbers by name, if the edge keeps its word. */
export type Numbers = Readonly<Record<string, unknown>>;

/** What holds until the project's configuration is there, and where it cannot be had: record, and let the edge decide. */
export const DEFAULT_CONFIG: RecorderConfig = { sampling: [{ from_ms: 0, all: 1 }] };

const TIMEOUT_MS = 10_000;

export type ConfigReply =
  | { readonly kind: "config"; readonly config: RecorderConfig }
  /** The edge does not know the project key. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "unavailable"; readonly reason: string };

/** The project's configuration as the edge gives it; never rejects. */
export async function fetchConfig(fetch: Fetch, edge: string, key: string): Promise<ConfigReply> {
  try {
    const response = await fetch(`${edge}/v1/config?key=${key}`, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const { status } = response;
    const body: unknown = await response.json();
    if (status === 401 || status === 403)
      return { kind: "refused", reason: String((body as { error?: unknown } | null)?.error) };
    return status === 200 ? parseConfig(body) : { kind: "unavailable", reason: `status ${status}` };
  } catch {
    // Blocked, cut off, or answered by something that is no edge.
    return { kind: "unavailable", reason: "no answer" };
  }
}

/** The configuration in a reply's body. */
export function parseConfig(body: unknown): ConfigReply {
  const config = body as (RecorderConfig & { version: unknown }) | null;
  if (config?.version !== 1) return { kind: "unavailable", reason: "config version" };
  const { sampling } = config;
  const isUsable =
    Array.isArray(sampling) && sampling.every((rates) => rates?.from_ms >= 0 && rates.all >= 0);
  return { kind: "config", config: isUsable ? config : { ...config, ...DEFAULT_CONFIG } };
}

/** The number of that name, or the other where there is none that is more than 0. */
export function numberIn(numbers: Numbers | undefined, name: string, otherwise: number): number {
  const value = numbers?.[name];
  return typeof value === "number" && value > 0 ? value : otherwise;
}

/** A session's full length. */
export function sessionMsMax({ limits }: RecorderConfig): number {
  return numberIn(limits, "session_ms_max", 3_600_000);
}
