/** Asking over HTTP: what every source does alike, and how failures are told. */

import { FormatError } from "../session/manifest.ts";
import { SourceError } from "./source.ts";

const RETRIES = 3;
const FIRST_PAUSE_MS = 250;

/** A request without cookies and without a referrer. @throws {SourceError} `unreachable`. */
export async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", ...init });
  } catch (cause) {
    init.signal?.throwIfAborted();
    throw new SourceError("unreachable", `no answer from ${new URL(url).origin}`, { cause });
  }
}

/** The body of a response, of at most `bytesMax` bytes. `what` names it in errors; `onpart` is told how many bytes of a buffer are there. */
export async function bodyOf(
  response: Response,
  what: string,
  bytesMax: number,
  signal: AbortSignal,
  onpart?: (buffer: ArrayBuffer, bytes: number) => void,
): Promise<ArrayBuffer> {
  const length = Number(response.headers.get("Content-Length") ?? 0);
  if (length > bytesMax) {
    await response.body?.cancel();
    throw new SourceError("unreadable", `${what} is ${length} bytes, limit is ${bytesMax}`);
  }
  try {
    if (onpart === undefined || response.body === null) return await response.arrayBuffer();
    return await inParts(response.body.getReader(), bytesMax, onpart);
  } catch (cause) {
    signal.throwIfAborted();
    throw new SourceError("unreachable", `the connection broke within ${what}`, { cause });
  }
}

async function inParts(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytesMax: number,
  onpart: (buffer: ArrayBuffer, bytes: number) => void,
): Promise<ArrayBuffer> {
  const all = new Uint8Array(bytesMax);
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    // More than was asked for: what is too much is not looked at.
    const room = part.value.subarray(0, bytesMax - bytes);
    all.set(room, bytes);
    bytes += room.length;
    onpart(all.buffer, bytes);
  }
  return bytes === bytesMax ? all.buffer : all.buffer.slice(0, bytes);
}

/** What `read` returns, a wrong form told as `unreadable`. */
export function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof FormatError) throw new SourceError("unreadable", cause.message, { cause });
    throw cause;
  }
}

/** `attempt`, again after a while if it failed for something that passes. A library for it would be a hundredth of what a shared link may weigh. */
export async function retried<T>(
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (failures >= RETRIES || !(error instanceof SourceError && error.passes)) throw error;
      await pause(FIRST_PAUSE_MS * 2 ** failures * (1 + Math.random()), signal);
    }
  }
}

/** @throws what the signal was aborted with, at once. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timeout);
      reject(signal?.reason);
    };
    const timeout = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
