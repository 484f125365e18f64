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
const START_BYTES = 4;
// The last of 22 characters carries 2 bits of the key and 4 that must be zero, which leaves it these four values.
const UPLOAD_KEY = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The text as an upload key, or undefined where it is none. */
export function parseUploadKey(text: unknown): UploadKey | undefined {
  return typeof text === "string" && UPLOAD_KEY.test(text) ? (text as UploadKey) : undefined;
}

/** A new upload key whose session starts at `nowMs`, cut to whole seconds. */
export function newUploadKey(nowMs: number): UploadKey {
  const bytes = new Uint8Array(UPLOAD_KEY_BYTES);
  new DataView(bytes.buffer).setUint32(0, Math.floor(nowMs / 1000));
  crypto.getRandomValues(bytes.subarray(START_BYTES));
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") as UploadKey;
}

/** The session that this key writes into. */
export function sessionOf(upload: UploadKey): SessionId {
  const bytes = bytesOf(upload);
  const id = bytes.slice();
  id.set(sha256(bytes).subarray(0, UPLOAD_KEY_BYTES - START_BYTES), START_BYTES);
  return Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("") as SessionId;
}

/** When the session started, in Unix milliseconds. */
export function startMsOf(session: SessionId): number {
  return Number.parseInt(session.slice(0, 8), 16) * 1000;
}

/** Where the session lies between 0 and 1 (exclusive), evenly spread: it is kept if that is below the rate. Exact in a double. */
export function fraction(session: SessionId): number {
  return Number.parseInt(session.slice(8, 20), 16) / 2 ** 48;
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

function bytesOf(upload: UploadKey): Uint8Array<ArrayBuffer> {
  const binary = atob(upload.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
