/**
 * One visitor's recording over page loads and tabs: joined while it is alive, begun anew after 15 minutes without interaction
 * or at its full length.
 */
import {
  newUploadKey,
  parseUploadKey,
  type SessionId,
  sessionOf,
  startMsOf,
  type UploadKey,
} from "./ids.js";
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
}

/** A session and when any tab was last used in it. */
export interface SessionRecord {
  readonly upload: UploadKey;
  readonly activeMs: number;
}

/** The stored text as a record, or undefined where it is none. */
export function parseRecord(text: string | undefined): SessionRecord | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    if (typeof value !== "object" || value === null) return undefined;
    const { upload, active_ms: activeMs } = value as Record<string, unknown>;
    const key = parseUploadKey(upload);
    if (key === undefined || typeof activeMs !== "number" || !Number.isFinite(activeMs))
      return undefined;
    return { upload: key, activeMs };
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
    const record = parseRecord(this.storage.get(STORAGE_KEY));
    const upload =
      record !== undefined && isAlive(record, nowMs, sessionMsMax)
        ? record.upload
        : newUploadKey(nowMs);
    this.write({ upload, activeMs: nowMs });
    const id = sessionOf(upload);
    return { upload, id, startMs: startMsOf(id) };
  }

  /** Notes that the visitor used this session now, unless another tab has gone on to the next one. */
  touch(session: Session, nowMs: number): void {
    if (parseRecord(this.storage.get(STORAGE_KEY))?.upload === session.upload) {
      this.write({ upload: session.upload, activeMs: nowMs });
    }
  }

  /** Ends the session for all tabs: whoever opens next gets a new one. */
  close(session: Session): void {
    if (parseRecord(this.storage.get(STORAGE_KEY))?.upload === session.upload)
      this.storage.remove(STORAGE_KEY);
  }

  private write({ upload, activeMs }: SessionRecord): void {
    this.storage.set(STORAGE_KEY, JSON.stringify({ upload, active_ms: activeMs }));
  }
}
