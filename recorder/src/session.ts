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
  readonly kept: Kept | undefined;
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
    // What is no JSON object throws, here or there.
    const { upload, active_ms: activeMs, reason, support } = JSON.parse(text as string);
    const key = parseUploadKey(upload);
    if (key === undefined || !Number.isFinite(activeMs)) return undefined;
    const why = KEPT.find((known) => known === reason);
    return {
      upload: key,
      activeMs,
      kept: why && { reason: why, support },
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
  /** What was looked at, and not stored yet. */
  private seen: SessionRecord | undefined;

  constructor(private readonly storage: SafeStorage) {}

  /** The session that is alive at `nowMs`, or a new one, which is not stored: it is not known yet whether anything may be. */
  look(nowMs: number, sessionMsMax: number): Session {
    const known = this.read() ?? this.seen;
    this.seen =
      known !== undefined && isAlive(known, nowMs, sessionMsMax)
        ? { ...known, activeMs: nowMs }
        : { upload: newUploadKey(nowMs), activeMs: nowMs };
    const { upload, kept } = this.seen;
    const id = sessionOf(upload);
    return { upload, id, startMs: startMsOf(id), kept };
  }

  /** As {@link look}, and stored as used now. */
  open(nowMs: number, sessionMsMax: number): Session {
    const session = this.look(nowMs, sessionMsMax);
    this.write(this.seen as SessionRecord);
    return session;
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
    if ((this.read() ?? session).upload === session.upload) this.forget();
  }

  /** Removes what is stored. */
  forget(): void {
    this.seen = undefined;
    this.storage.remove(STORAGE_KEY);
  }

  private update({ upload, startMs, kept }: Session, change: Partial<SessionRecord>): void {
    // Where the page has cleared its storage, as some do when a visitor logs out, the session goes on.
    const record = this.read() ?? { upload, kept, activeMs: startMs };
    if (record.upload === upload) this.write({ ...record, ...change });
  }

  private read(): SessionRecord | undefined {
    return parseRecord(this.storage.get(STORAGE_KEY));
  }

  private write({ upload, activeMs, kept }: SessionRecord): void {
    this.storage.set(STORAGE_KEY, JSON.stringify({ upload, active_ms: activeMs, ...kept }));
  }
}
