/**
 * Sealed batches on their way to the edge: one at a time, again when it must be, all at once when the page is left.
 */
import type { Batch, Compress } from "./batch.js";
import type { Payloads } from "./events.js";
import { type Fetch, KEEPALIVE_BYTES_MAX, request } from "./http.js";
import { type EventLine, halve } from "./pending.js";
import { interpret, type Verdict } from "./reply.js";
import type { Session } from "./session.js";

export type Lost = Payloads["tapedeck.lost"];

/** What delivery tells the recorder. */
export interface DeliveryHooks {
  /** Events that the edge will never have. */
  lost(lost: Lost): void;
  /** Nothing of this session is wanted; its batches are gone. */
  sessionEnded(session: Session, reason: string): void;
  /** The session is over its length. */
  sessionTooLong(session: Session): void;
  /** Nothing of this page is wanted or gets through; all batches are gone. */
  stopped(reason: string): void;
  /** A defect of ours. */
  failed(error: unknown): void;
}

interface Entry {
  readonly batch: Batch;
  readonly settled: Promise<void>;
  readonly settle: () => void;
  sending: boolean;
  /** Whether its request outlives the page. */
  keptAlive: boolean;
  /** Whether the edge may have it already, so that its events must keep their seq. */
  sent: boolean;
}

/** What waits is bounded by this many UTF-16 units of JSON; beyond it the oldest batch is lost. */
export const QUEUE_CHARS_MAX = 8 * 1024 * 1024;
/** After this many network errors in a row, and no answer ever, something in between blocks us. */
export const UNANSWERED_MAX = 6;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
const TIMEOUT_MS = 60_000;
// Less room than this for `keepalive` is not worth cutting a batch for.
const KEEPALIVE_BYTES_MIN = 8 * 1024;

export class Delivery {
  private queue: Entry[] = [];
  private pumping = false;
  private keepaliveBytes = 0;
  /** Failed tries in a row, of whatever batch. */
  private failures = 0;
  private answered = false;
  private notBeforeMs = 0;

  constructor(
    private readonly url: string,
    private readonly fetch: Fetch,
    private readonly compress: Compress,
    private readonly hooks: DeliveryHooks,
  ) {}

  /** Takes a batch to be sent as soon as those before it are through. */
  add(batch: Batch): void {
    this.queue.push(newEntry(batch));
    this.evict();
    this.pump();
  }

  /** Resolves when every batch that is here now is confirmed or given up. */
  async settled(): Promise<void> {
    await Promise.all(this.queue.map((entry) => entry.settled));
  }

  /** Sends what waits before the function returns, since the page may be gone after it; unless the edge asked us to wait. */
  hurry(): void {
    if (Date.now() >= this.notBeforeMs) this.leave();
  }

  /** Sends what waits before the function returns, since the page is gone after it. */
  leave(): void {
    for (const entry of [...this.queue]) if (!entry.sending) this.sendNow(entry);
  }

  /** Bodies of what will hardly arrive once the page is gone: all while nothing gets through, else what `keepalive` could not carry. */
  leftover(): Uint8Array<ArrayBuffer>[] {
    return this.queue
      .filter((entry) => this.failures > 0 || !entry.keptAlive)
      .map(({ batch }) => batch.encodeNow());
  }

  /** Gives up all batches, or those of one session. */
  abandon(session?: Session): void {
    const gone = this.queue.filter(
      ({ batch }) => session === undefined || batch.stream.session.id === session.id,
    );
    this.queue = this.queue.filter((entry) => !gone.includes(entry));
    for (const entry of gone) entry.settle();
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    this.drain().catch((error: unknown) => this.hooks.failed(error));
  }

  private async drain(): Promise<void> {
    try {
      for (let entry = this.nextWaiting(); entry !== undefined; entry = this.nextWaiting()) {
        const waitMs = this.notBeforeMs - Date.now();
        if (waitMs > 0) {
          await new Promise((resolve) => setTimeout(resolve, waitMs));
          continue;
        }
        const body = await entry.batch.encode(this.compress);
        // Leaving the page may have sent it, and giving up may have removed it.
        if (!entry.sending && this.queue.includes(entry)) await this.send(entry, body);
      }
    } finally {
      // In the same turn as the last look at the queue, or a batch added in between would stay.
      this.pumping = false;
    }
  }

  private nextWaiting(): Entry | undefined {
    return this.queue.find((entry) => !entry.sending);
  }

  private sendNow(entry: Entry): void {
    const body = entry.batch.encodeNow();
    const room = KEEPALIVE_BYTES_MAX - this.keepaliveBytes;
    if (body.length > room && room >= KEEPALIVE_BYTES_MIN && !entry.sent) {
      const parts = this.split(entry, lineLength);
      if (parts !== undefined) {
        for (const part of parts) this.sendNow(part);
        return;
      }
    }
    this.send(entry, body).catch((error: unknown) => this.hooks.failed(error));
  }

  private async send(entry: Entry, body: Uint8Array<ArrayBuffer>): Promise<void> {
    const keepalive = this.keepaliveBytes + body.length <= KEEPALIVE_BYTES_MAX;
    if (keepalive) this.keepaliveBytes += body.length;
    entry.sending = true;
    entry.keptAlive = keepalive;
    entry.sent = true;
    const headers = { "Content-Type": "text/plain" };
    const answer = await request(
      this.fetch,
      this.url,
      { method: "POST", headers, body, keepalive },
      TIMEOUT_MS,
    );
    if (keepalive) this.keepaliveBytes -= body.length;
    entry.sending = false;
    this.answered ||= answer !== undefined;
    if (this.queue.includes(entry)) this.obey(entry, interpret(answer));
    this.pump();
  }

  private obey(entry: Entry, verdict: Verdict): void {
    if (verdict.do === "retry") {
      this.backOff(verdict.afterMs);
      return;
    }
    this.failures = 0;
    this.notBeforeMs = 0;
    const { session } = entry.batch.stream;
    switch (verdict.do) {
      case "go-on":
      case "drop":
        this.remove(entry);
        return;
      case "refused":
        this.lose(entry, "refused");
        return;
      case "split":
        if (this.split(entry, verdict.limit === "events" ? () => 1 : lineLength) === undefined)
          this.lose(entry, "too_large");
        return;
      case "new-session":
        this.remove(entry);
        this.hooks.sessionTooLong(session);
        return;
      case "end-session":
        this.abandon(session);
        this.hooks.sessionEnded(session, verdict.reason);
        return;
      case "stop":
        this.abandon();
        this.hooks.stopped(verdict.reason);
        return;
    }
  }

  private backOff(afterMs: number | undefined): void {
    this.failures += 1;
    if (!this.answered && this.failures >= UNANSWERED_MAX && navigator.onLine !== false) {
      this.abandon();
      this.hooks.stopped("unreachable");
      return;
    }
    const told = afterMs !== undefined && Math.max(afterMs, BACKOFF_FIRST_MS);
    const waitMs = told || Math.min(BACKOFF_FIRST_MS * 2 ** (this.failures - 1), BACKOFF_MAX_MS);
    // Up to half as long again, so that clients that failed together do not come back together.
    this.notBeforeMs = Date.now() + waitMs * (1 + Math.random() / 2);
  }

  /** Puts two batches with fresh seqs in the place of one, or returns undefined where that cannot be cut. */
  private split(entry: Entry, weight: (event: EventLine) => number): Entry[] | undefined {
    const { batch } = entry;
    const parts = halve(batch.events, weight)?.map((events) =>
      newEntry(batch.stream.seal(events, Date.now())),
    );
    if (parts === undefined) return undefined;
    this.queue.splice(this.queue.indexOf(entry), 1, ...parts);
    void Promise.all(parts.map((part) => part.settled)).then(entry.settle);
    return parts;
  }

  private lose(entry: Entry, reason: Lost["reason"]): void {
    this.remove(entry);
    const events = entry.batch.events;
    // That a note of a loss is lost is not noted: where every batch is refused, that would go on for ever.
    if (events.every(({ tag }) => tag === "tapedeck.lost")) return;
    const times = events.map(({ timestamp }) => timestamp);
    this.hooks.lost({
      reason,
      events: events.length,
      bytes: events.reduce((sum, { line }) => sum + new TextEncoder().encode(line).length + 1, 0),
      from_ms: times.reduce((a, b) => Math.min(a, b)),
      to_ms: times.reduce((a, b) => Math.max(a, b)) + 1,
    });
  }

  private evict(): void {
    while (this.queue.reduce((sum, { batch }) => sum + batch.chars, 0) > QUEUE_CHARS_MAX) {
      const oldest = this.nextWaiting();
      if (oldest === undefined) return;
      this.lose(oldest, "queue_full");
    }
  }

  private remove(entry: Entry): void {
    this.queue = this.queue.filter((other) => other !== entry);
    entry.settle();
  }
}

function newEntry(batch: Batch): Entry {
  let settle: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { batch, settled, settle, sending: false, keptAlive: false, sent: false };
}

function lineLength(event: EventLine): number {
  return event.line.length;
}
