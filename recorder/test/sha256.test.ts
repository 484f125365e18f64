import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { sha256 } from "../src/sha256.js";

test("it is the same hash as everybody's", () => {
  for (let i = 0; i < 200; i++) {
    const message = i === 0 ? Buffer.alloc(16) : randomBytes(16);
    const words = [0, 4, 8, 12].map((at) => message.readInt32BE(at));
    const digest = createHash("sha256").update(message).digest();
    expect(sha256(words)).toEqual(Array.from({ length: 8 }, (_, at) => digest.readInt32BE(at * 4)));
  }
});
