// A slow line: an HTTP proxy through which everything of a browser goes, its workers included, at so many bits a second and with a delay.

import { createServer, request as forward, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

export interface Line {
  /** For Chromium's `--proxy-server`. */
  url: string;
  /** What went through since {@link Line.reset}, in the order in which it was asked for. */
  passed: Passed[];
  reset(): void;
  close(): void;
}

/** One answer that went through. */
export interface Passed {
  method: string;
  url: string;
  /** Unix milliseconds. */
  askedMs: number;
  /** When its first byte went on, and its last; infinite while it is on its way. */
  beganMs: number;
  endedMs: number;
  /** Of its body, as it was sent. */
  bytes: number;
}

/** What static hosts and Cloudflare compress for whoever takes it. */
const COMPRESSED = /^(text\/|application\/(json|javascript))/;

const SLICE_BYTES = 4 * 1024;

/** `delayMs`: from a question to its answer's first byte, beside what the server takes. All answers share `bitsPerS`. */
export async function openLine(bitsPerS: number, delayMs: number): Promise<Line> {
  let passed: Passed[] = [];
  /** When the line is free again. */
  let freeMs = 0;
  const takeTurn = async (bytes: number): Promise<void> => {
    const now = performance.now();
    freeMs = Math.max(freeMs, now) + (bytes * 8_000) / bitsPerS;
    if (freeMs - now > 1) await sleep(freeMs - now);
  };
  const server = createServer(async (question, reply) => {
    const told: Passed = {
      method: question.method ?? "",
      url: question.url ?? "",
      askedMs: Date.now(),
      beganMs: Number.POSITIVE_INFINITY,
      endedMs: Number.POSITIVE_INFINITY,
      bytes: 0,
    };
    passed.push(told);
    await sleep(delayMs);
    const { host, ...headers } = question.headers;
    const onward = forward(
      question.url ?? "",
      {
        method: question.method ?? "GET",
        headers: { ...headers, host: new URL(question.url ?? "").host },
      },
      (answer: IncomingMessage) => void answered(answer),
    );
    const answered = async (answer: IncomingMessage): Promise<void> => {
      const kept = { ...answer.headers };
      let parts: AsyncIterable<Buffer> | Buffer[] = answer;
      const compresses =
        COMPRESSED.test(kept["content-type"] ?? "") && kept["content-encoding"] === undefined;
      if (compresses && answer.statusCode === 200) {
        const whole: Buffer[] = [];
        for await (const part of answer) whole.push(part);
        const body = gzipSync(Buffer.concat(whole));
        Object.assign(kept, { "content-encoding": "gzip", "content-length": String(body.length) });
        parts = [body];
      }
      told.beganMs = Date.now();
      reply.writeHead(answer.statusCode ?? 502, kept);
      for await (const part of parts) {
        for (let from = 0; from < part.length; from += SLICE_BYTES) {
          const slice = part.subarray(from, from + SLICE_BYTES);
          await takeTurn(slice.length);
          told.bytes += slice.length;
          if (reply.destroyed) return void answer.destroy();
          reply.write(slice);
        }
      }
      reply.end();
      told.endedMs = Date.now();
    };
    onward.on("error", () => reply.destroy());
    reply.on("close", () => onward.destroy());
    question.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get passed() {
      return passed;
    },
    reset() {
      passed = [];
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
