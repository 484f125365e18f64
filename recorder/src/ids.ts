/**
 * Ids as `spec/ids.md` has them: upload key, session, page, tab, and the sampling fraction.
 */
import { sha256 } from "./sha256.js";

declare const kind: unique symbol;

/** The right to write into one session: 22 characters of base64url in their only spelling. Secret: kept in storage, shown to the edge only. */
export type UploadKey = string & { readonly [kind]: "upload key" };
/** A session's public name: 32 lower-case hex digits. */
export type SessionId = string & { readonly [kind]: "session" };

const UPLOAD_KEY_BYTES = 16;
const UPLOAD_KEY_CHARS = 22;
// The last of 22 characters carries 2 bits of the key and 4 that must be zero, which leaves it these four values.
const UPLOAD_KEY = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The text as an upload key, or undefined where it is none. */
export function parseUploadKey(text: unknown): UploadKey | undefined {
  return UPLOAD_KEY.test(text as string) ? (text as UploadKey) : undefined;
}

/** A new upload key whose session starts at `nowMs`, cut to whole seconds. */
export function newUploadKey(nowMs: number): UploadKey {
  const bytes = new Uint8Array(UPLOAD_KEY_BYTES);
  crypto.getRandomValues(bytes);
  // Which also cuts off the fraction.
  new DataView(bytes.buffer).setUint32(0, nowMs / 1000);
  const base64 = btoa(String.fromCharCode(...bytes)).slice(0, UPLOAD_KEY_CHARS);
  return base64.replace(/\+/g, "-").replace(/\//g, "_") as UploadKey;
}

/** The session that this key writes into. */
export function sessionOf(upload: UploadKey): SessionId {
  const words = wordsOf(upload);
  const id = [words[0] as number, ...sha256(words).slice(0, 3)];
  return id.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("") as SessionId;
}

/** When the session started, in Unix milliseconds. */
export function startMsOf(session: SessionId): number {
  return Number(`0x${session.slice(0, 8)}`) * 1000;
}

/** Where the session lies between 0 and 1 (exclusive), evenly spread: it is kept if that is below the rate. Exact in a double. */
export function fraction(session: SessionId): number {
  return Number(`0x${session.slice(8, 20)}`) / 2 ** 48;
}

/** 8 base62 characters for a page or a tab. */
export function randomLabel(): string {
  let label = "";
  while (label.length < 8) {
    const [byte] = crypto.getRandomValues(new Uint8Array(1)) as Uint8Array & [number];
    // 248 is the largest multiple of 62 in a byte: what lies above would favour the first characters.
    if (byte < 248) label += BASE62.charAt(byte % 62);
  }
  return label;
}

/** The key's bytes as four big-endian words. */
function wordsOf(upload: UploadKey): number[] {
  const binary = atob(upload.replace(/-/g, "+").replace(/_/g, "/"));
  const words = [0, 0, 0, 0];
  for (let i = 0; i < UPLOAD_KEY_BYTES; i++)
    words[i >> 2] = ((words[i >> 2] as number) << 8) | binary.charCodeAt(i);
  return words;
}
