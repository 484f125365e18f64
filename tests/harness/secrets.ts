import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StackHandle } from "./stack.ts";

/** What a stack's edge makes grants and tickets with. */
export async function readShareKey(stack: StackHandle): Promise<string> {
  const secrets = await readFile(join(stack.data, "secrets.json"), "utf8");
  return JSON.parse(secrets).share_key;
}

/** A grant or ticket as the edge makes it (spec/viewer-api.md), of any content. */
export function seal(key: string, domain: "grant" | "ticket", payload: object): string {
  const text = Buffer.from(JSON.stringify(payload));
  const tag = createHmac("sha256", key).update(`tapedeck.${domain}.v1\n`).update(text);
  return `${text.toString("base64url")}.${tag.digest("base64url")}`;
}
