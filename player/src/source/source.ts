import type { Manifest, NewerChunk } from "../session/manifest.ts";

/** A moment of a session: an event's time in Unix milliseconds, or one of its ends. */
export type Moment = number | "start" | "end";

/** A session as it is known at one time. */
export interface View {
  /** Null: no indexer has seen the session yet. */
  manifest: Manifest | null;
  /** The manifest as it was given, for whoever writes it down again. Null as `manifest` is. */
  raw: object | null;
  /** Chunks that the manifest does not know. */
  newer: NewerChunk[];
  /** The clock of who answered. */
  nowMs: number;
  /** How its chunks are packed. */
  coding: Packed["coding"];
}

/**
 * Where a session comes from: the edge, plain URLs, or a tape. Nothing here speaks of signing or of buckets.
 *
 * @see EdgeSource
 * @see UrlSource
 * @see TapeSource
 */
export interface Source {
  /** The session as it is known now. `at` tells what will be asked for first. */
  view(at: Moment, signal: AbortSignal): Promise<View>;

  /** One chunk of the manifest, by its name. A tape's manifest lists its frames as chunks. */
  chunk(name: string, signal: AbortSignal): Promise<Packed>;

  /** The whole of the tape that the session comes from. Null, or no such call: from none. */
  tape?(signal: AbortSignal): Promise<Blob | null>;
}

/** NDJSON as it was stored: one gzip member (spec/objects.md), or one Zstandard frame (spec/tape.md). The receiver owns `body`. */
export type Packed =
  | { coding: "gzip"; body: ArrayBuffer }
  | { coding: "zstd"; body: ArrayBuffer; inflatedBytes: number };

/**
 * - `unauthorized`: the token is unknown or has expired. A new one is needed.
 * - `forbidden`: who asks is known, and may not do this.
 * - `not_found`: there is no such session or chunk.
 * - `request`: what was asked for is not of its form: the link is wrong.
 * - `unavailable`: the service answers that it cannot. Trying again helps.
 * - `unreachable`: no answer: no network, wrong address, or forbidden by the policy of the player's host.
 * - `unreadable`: the answer is not what the specification says.
 */
export type SourceErrorKind =
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "request"
  | "unavailable"
  | "unreachable"
  | "unreadable";

export class SourceError extends Error {
  override name = "SourceError";
  readonly kind: SourceErrorKind;

  constructor(kind: SourceErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }

  /** Whether the same call can succeed later. */
  get passes(): boolean {
    return this.kind === "unavailable" || this.kind === "unreachable";
  }
}
