/**
 * Batches that a page could not send, kept in its tab for the page that comes next.
 */
import type { SafeStorage } from "./storage.js";

export const STORAGE_KEY = "tapedeck.queue";
/** In characters of base64, a fifth of what browsers keep for an origin; what is over is not kept. */
export const CHARS_MAX = 1_000_000;

/** Notes the bodies of uploads, as many of them as there is room for, the oldest first. */
export function noteLeftover(storage: SafeStorage, bodies: readonly Uint8Array[]): void {
  const kept: string[] = [];
  let chars = 0;
  for (const body of bodies) {
    chars += Math.ceil(body.length / 3) * 4;
    if (chars > CHARS_MAX) break;
    kept.push(toBase64(body));
  }
  if (kept.length > 0) storage.set(STORAGE_KEY, kept.join(" "));
  else storage.remove(STORAGE_KEY);
}

/** What was noted, in order; none is left. */
export function takeLeftover(storage: SafeStorage): Uint8Array<ArrayBuffer>[] {
  const kept = storage.get(STORAGE_KEY);
  storage.remove(STORAGE_KEY);
  try {
    return (kept?.split(" ") ?? []).map((text) =>
      Uint8Array.from(atob(text), (character) => character.charCodeAt(0)),
    );
  } catch {
    // Somebody else wrote there.
    return [];
  }
}

function toBase64(bytes: Uint8Array): string {
  // In pieces, since a call takes only so many arguments.
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += 8_192)
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 8_192)));
  return btoa(pieces.join(""));
}
