import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { sha256 } from "../src/sha256.js";

test("it is the same hash as everybody's, for all lengths there may be", () => {
  for (let length = 0; length <= 55; length++) {
    const message = randomBytes(length);
    expect(Buffer.from(sha256(message))).toEqual(createHash("sha256").update(message).digest());
  }
});
