import { describe, expect, test } from "vitest";
import {
  fraction,
  newUploadKey,
  parseUploadKey,
  randomLabel,
  sessionOf,
  startMsOf,
  type UploadKey,
} from "../src/ids.js";
import { vectors } from "./vectors.js";

const { cases, refused } = vectors<{
  cases: { upload: string; start_s: number; session: string; fraction: number }[];
  refused: { upload: string; why: string }[];
}>("ids");

describe("vectors", () => {
  test.each(cases)("$upload is $session", ({ upload, start_s, session, fraction: expected }) => {
    const key = parseUploadKey(upload) as UploadKey;
    expect(key).toBe(upload);
    const id = sessionOf(key);
    expect(id).toBe(session);
    expect(startMsOf(id)).toBe(start_s * 1000);
    expect(fraction(id)).toBe(expected);
  });

  test.each(refused)("$upload is refused: $why", ({ upload }) => {
    expect(parseUploadKey(upload)).toBeUndefined();
  });
});

test("a new key says when it was drawn, in whole seconds, and never twice the same", () => {
  const keys = Array.from({ length: 100 }, () => newUploadKey(1_700_000_000_999));
  expect(new Set(keys).size).toBe(100);
  for (const key of keys) {
    expect(parseUploadKey(key)).toBe(key);
    expect(startMsOf(sessionOf(key))).toBe(1_700_000_000_000);
  }
});

test("what is no text is no upload key", () => {
  for (const value of [undefined, null, 7, {}, ""]) expect(parseUploadKey(value)).toBeUndefined();
});

test("labels are 8 base62 characters", () => {
  const labels = Array.from({ length: 200 }, randomLabel);
  for (const label of labels) expect(label).toMatch(/^[0-9A-Za-z]{8}$/);
  expect(new Set(labels).size).toBe(200);
});
