// Every object of a bucket, decoded: what a search for something that must not be there has to look through.

import { gunzipSync } from "node:zlib";
import type { Bucket } from "../harness/bucket.ts";

/** An object as somebody who looks for secrets would read it. */
export interface Decoded {
  key: string;
  /** Inflated, if it was compressed, with the metadata behind it. */
  text: string;
}

/** All objects of a bucket. */
export async function readAll(bucket: Bucket): Promise<Decoded[]> {
  return Promise.all(
    (await bucket.keys("")).map(async (key) => {
      const { body, head } = await bucket.get(key);
      const isGzip = body[0] === 0x1f && body[1] === 0x8b;
      const text = (isGzip ? gunzipSync(body) : body).toString("utf8");
      return { key, text: text + JSON.stringify(head.Metadata) };
    }),
  );
}

/** The keys of the objects that hold one of the needles, in their text or in their key. */
export function keysWith(objects: Decoded[], needles: string[]): string[] {
  return objects
    .filter(({ key, text }) => needles.some((needle) => `${key}\n${text}`.includes(needle)))
    .map(({ key }) => key);
}
