/**
 * A batch: the events of one upload, sealed. Its header and its inflated bytes never change again (`spec/upload.md`).
 */
import { gzipNow } from "./gzip.js";
import type { Decision } from "./host.js";
import { randomLabel } from "./ids.js";
import { charsOf, type EventLine } from "./pending.js";
import type { Session } from "./session.js";
import { SDK } from "./version.js";

/** What one page load writes into one session; it counts its batches. */
export class PageStream {
  readonly page = randomLabel();
  /** How many batches were sealed so far: the next one's seq. */
  sealed = 0;

  constructor(
    readonly session: Session,
    /** Why the session is recorded, which may change while it is. */
    public why: Pick<Decision, "reason" | "support">,
    private readonly more: { readonly consent?: true; readonly segments?: readonly string[] } = {},
  ) {}

  /** The events as this stream's next batch, at `nowMs`. There must be at least one. */
  seal(events: readonly EventLine[], nowMs: number): Batch {
    const header = {
      upload: this.session.upload,
      page: this.page,
      seq: this.sealed++,
      reason: this.why.reason,
      sent: nowMs,
      sdk: SDK,
      support: this.why.support,
      ...this.more,
    };
    return new Batch(this, events, JSON.stringify(header));
  }
}

/** Makes one gzip member of a text. */
export type Compress = (text: string) => Promise<Uint8Array<ArrayBuffer>>;

export class Batch {
  /** UTF-16 units of the events, which is about what the batch holds in memory. */
  readonly chars: number;

  constructor(
    readonly stream: PageStream,
    readonly events: readonly EventLine[],
    private readonly header: string,
    private body?: Uint8Array<ArrayBuffer>,
  ) {
    this.chars = body?.length ?? charsOf(events);
  }

  /** The batch of an earlier page, of which only the body is left: it can be sent, but not be cut. */
  static leftover(stream: PageStream, body: Uint8Array<ArrayBuffer>): Batch {
    return new Batch(stream, [], "", body);
  }

  /** The upload's body: header line and one gzip member, the same bytes every time. */
  async encode(compress: Compress): Promise<Uint8Array<ArrayBuffer>> {
    if (this.body === undefined) {
      const compressed = await compress(this.inflated());
      // The page may have been left meanwhile, and the body made at once.
      this.body ??= this.frame(compressed);
    }
    return this.body;
  }

  /** As {@link encode}, before the function returns. */
  encodeNow(): Uint8Array<ArrayBuffer> {
    this.body ??= this.frame(gzipNow(this.inflated()));
    return this.body;
  }

  private inflated(): string {
    return this.events.map(({ line }) => `${line}\n`).join("");
  }

  private frame(compressed: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const header = new TextEncoder().encode(`${this.header}\n`);
    const body = new Uint8Array(header.length + compressed.length);
    body.set(header);
    body.set(compressed, header.length);
    return body;
  }
}
