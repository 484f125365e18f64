/**
 * One visitor's recording over page loads and tabs: joined while it is alive, begun anew after 15 minutes without interaction
 * or at its full length.
 */
import type { Decision } from "./host.js";
import {
  newUploadKey,
  parseUploadKey,
  type SessionId,
  sessionOf,
  startMsOf,
  type UploadKey,
} from "./ids.js";
import type { Reason } from "./sampling.js";
import type { SafeStorage } from "./storage.js";

/** A session ends after this time without interaction in any tab. */
export const IDLE_MS = 15 * 60_000;
/**
 * A session ends this long before the edge would refuse its batches as too late, so that the last one,
 * sealed when it ends, still gets in.
 */
export const END_MARGIN_MS = 5_000;
// The edge allows a `sent` this long before the session's start, for clocks that were set back.
const CLOCK_BACK_MS = 5 * 60_000;
const STORAGE_KEY = "tapedeck.session";

/** One session: its secret, its public id and its start. */
export interface Session {
  readonly upload: UploadKey;
  readonly id: SessionId;
  readonly startMs: number;
  /** Why it is kept where its rates alone would not say so. */
  readonly kept?: Kept;
}

export type Kept = Pick<Decision, "reason" | "support">;

/** A session and when any tab was last used in it. */
export interface SessionRecord {
  readonly upload: UploadKey;
  readonly activeMs: number;
  readonly kept?: Kept | undefined;
}

const KEPT: readonly Reason[] = ["error", "support", "manual"];

/** The stored text as a record, or undefined where it is none. */
export function parseRecord(text: string | undefined): SessionRecord | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    if (typeof value !== "object" || value === null) return undefined;
    const { upload, active_ms: activeMs, reason, support } = value as Record<string, unknown>;
    const key = parseUploadKey(upload);
    if (key === undefined || typeof activeMs !== "number" || !Number.isFinite(activeMs))
      return undefined;
    const why = KEPT.find((known) => known === reason);
    return {
      upload: key,
      activeMs,
      kept: why && { reason: why, ...(typeof support === "string" && { support }) },
    };
  } catch {
    return undefined;
  }
}

/** Whether the session can still be written into at `nowMs`; `sessionMsMax` is its full length. */
export function isAlive(record: SessionRecord, nowMs: number, sessionMsMax: number): boolean {
  const start = startMsOf(sessionOf(record.upload));
  return (
    nowMs >= start - CLOCK_BACK_MS &&
    nowMs < endMs(start, sessionMsMax) &&
    nowMs < record.activeMs + IDLE_MS
  );
}

/** When a session that started at `start` ends at the latest. */
export function endMs(start: number, sessionMsMax: number): number {
  return start + sessionMsMax - END_MARGIN_MS;
}

/** The session that the tabs of this browser share, kept in `storage`. */
export class SharedSession {
  constructor(private readonly storage: SafeStorage) {}

  /** The session that is alive at `nowMs`, or a new one. Either is marked as used now. */
  open(nowMs: number, sessionMsMax: number): Session {
    const stored = this.read();
    const record: SessionRecord =
      stored !== undefined && isAlive(stored, nowMs, sessionMsMax)
        ? { ...stored, activeMs: nowMs }
        : { upload: newUploadKey(nowMs), activeMs: nowMs };
    this.write(record);
    const { upload, kept } = record;
    const id = sessionOf(upload);
    return { upload, id, startMs: startMsOf(id), ...(kept && { kept }) };
  }

  /** Notes that the visitor used this session now, unless another tab has gone on to the next one. */
  touch(session: Session, nowMs: number): void {
    this.update(session, { activeMs: nowMs });
  }

  /** Notes why the session is kept, for the pages and tabs that come. */
  keep(session: Session, kept: Kept): void {
    this.update(session, { kept });
  }

  /** Ends the session for all tabs: whoever opens next gets a new one. */
  close(session: Session): void {
    if (this.read()?.upload === session.upload) this.forget();
  }

  /** Removes what is stored. */
  forget(): void {
    this.storage.remove(STORAGE_KEY);
  }

  private update(session: Session, change: Partial<SessionRecord>): void {
    const record = this.read();
    if (record?.upload === session.upload) this.write({ ...record, ...change });
  }

  private read(): SessionRecord | undefined {
    return parseRecord(this.storage.get(STORAGE_KEY));
  }

  private write({ upload, activeMs, kept }: SessionRecord): void {
    this.storage.set(STORAGE_KEY, JSON.stringify({ upload, active_ms: activeMs, ...kept }));
  }
}
