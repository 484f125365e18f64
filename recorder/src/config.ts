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
  readonly excluded_pages?: readonly string[];
  readonly privacy?: ProjectPrivacy;
  readonly clicks?: Numbers;
}

/** What a project says of privacy, in addition to what the page says. */
export interface ProjectPrivacy {
  /** Selectors. */
  readonly unmask?: readonly string[];
  readonly block?: readonly string[];
  readonly query_allow?: readonly string[];
  readonly network?: NetworkRules;
  readonly trace_origins?: readonly string[];
  readonly require_consent?: boolean;
  /** Absent: yes. */
  readonly honour_gpc?: boolean;
}

/** Of which requests more than their facts is recorded. */
export interface NetworkRules {
  /** Patterns of URLs without query, or of their paths. */
  readonly urls?: readonly string[];
  readonly headers?: readonly string[];
  readonly bodies?: boolean;
}

/** Numbers by name, if the edge keeps its word. */
export type Numbers = Readonly<Record<string, unknown>>;

/** What holds until the project's configuration is there, and where it cannot be had: record, and let the edge decide. */
export const DEFAULT_CONFIG: RecorderConfig = { sampling: [{ from_ms: 0, all: 1 }] };

const TIMEOUT_MS = 10_000;

export type ConfigReply =
  | { readonly config: RecorderConfig }
  /** The edge does not know the project key. */
  | { readonly refused: string };

/** The project's configuration as the edge gives it, or the usual one where none can be had; never rejects. */
export async function fetchConfig(fetch: Fetch, edge: string, key: string): Promise<ConfigReply> {
  try {
    const response = await fetch(`${edge}/v1/config?key=${key}`, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const { status } = response;
    const body = await response.json();
    if (status === 401 || status === 403) return { refused: String(body?.error) };
    if (status === 200) return { config: parseConfig(body) };
  } catch {
    // Blocked, cut off, or answered by something that is no edge.
  }
  return { config: DEFAULT_CONFIG };
}

/** The configuration in a reply's body, with the usual for what is not as the spec says. */
export function parseConfig(body: unknown): RecorderConfig {
  const config = body as (RecorderConfig & { version: unknown }) | null;
  if (config?.version !== 1) return DEFAULT_CONFIG;
  const isUsable = config.sampling?.every?.((rates) => rates?.from_ms >= 0 && rates.all >= 0);
  return isUsable ? config : { ...config, ...DEFAULT_CONFIG };
}

/** The number of that name, or the other where there is none that is more than 0. */
export function numberIn(numbers: Numbers | undefined, name: string, otherwise: number): number {
  const value = Number(numbers?.[name]);
  return value > 0 ? value : otherwise;
}

/** A session's full length. */
export function sessionMsMax({ limits }: RecorderConfig): number {
  return numberIn(limits, "session_ms_max", 3_600_000);
}
