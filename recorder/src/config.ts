/**
 * What of its project's configuration a recorder sees: `GET /v1/config` (`spec/config.md`).
 */
import { type Fetch, request } from "./http.js";
import type { Rates } from "./sampling.js";

export interface RecorderConfig {
  /** The project's id, where the configuration could be had. */
  readonly project: string | undefined;
  readonly sampling: readonly Rates[];
  /** A session's full length. */
  readonly sessionMsMax: number;
  readonly eventsMax: number;
  readonly flushFirstMs: number;
  readonly flushMaxMs: number;
}

/** What holds until the project's configuration is there, and where it cannot be had: record, and let the edge decide. */
export const DEFAULT_CONFIG: RecorderConfig = {
  project: undefined,
  sampling: [{ from_ms: 0, all: 1 }],
  sessionMsMax: 3_600_000,
  eventsMax: 10_000,
  flushFirstMs: 5_000,
  flushMaxMs: 60_000,
};

// Events wait in memory until then.
const TIMEOUT_MS = 10_000;

export type ConfigReply =
  | { readonly kind: "config"; readonly config: RecorderConfig }
  /** The edge does not know the project key. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "unavailable"; readonly reason: string };

/** The project's configuration as the edge gives it; never rejects. */
export async function fetchConfig(fetch: Fetch, edge: string, key: string): Promise<ConfigReply> {
  const answer = await request(
    fetch,
    `${edge}/v1/config?key=${encodeURIComponent(key)}`,
    {},
    TIMEOUT_MS,
  );
  if (answer === undefined) return { kind: "unavailable", reason: "no answer" };
  const body = answer.body as { error?: unknown } | undefined;
  if (answer.status === 401 || answer.status === 403) {
    return {
      kind: "refused",
      reason: typeof body?.error === "string" ? body.error : `status ${answer.status}`,
    };
  }
  if (answer.status !== 200) return { kind: "unavailable", reason: `status ${answer.status}` };
  return parseConfig(answer.body);
}

/** The configuration in a reply's body; a field that is absent or not of its kind has its default. */
export function parseConfig(body: unknown): ConfigReply {
  const config = fields(body);
  if (config.version !== 1)
    return {
      kind: "unavailable",
      reason: `config has version ${String(config.version)}, expected 1`,
    };
  const limits = fields(config.limits);
  const recorder = fields(config.recorder);
  const sampling = Array.isArray(config.sampling) ? config.sampling.filter(isRates) : [];
  return {
    kind: "config",
    config: {
      project: typeof config.project === "string" ? config.project : undefined,
      sampling: sampling.length > 0 ? sampling : DEFAULT_CONFIG.sampling,
      sessionMsMax: positive(limits.session_ms_max, DEFAULT_CONFIG.sessionMsMax),
      eventsMax: positive(limits.events_max, DEFAULT_CONFIG.eventsMax),
      flushFirstMs: positive(recorder.flush_first_ms, DEFAULT_CONFIG.flushFirstMs),
      flushMaxMs: positive(recorder.flush_max_ms, DEFAULT_CONFIG.flushMaxMs),
    },
  };
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function positive(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : otherwise;
}

function isRates(value: unknown): value is Rates {
  const rates = fields(value);
  return typeof rates.from_ms === "number" && typeof rates.all === "number";
}
