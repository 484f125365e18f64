import { readFileSync } from "node:fs";

/** The cases that Rust and TypeScript share, from `tests/vectors/`. */
export function vectors<T>(name: string): T {
  return JSON.parse(
    readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url), "utf8"),
  ) as T;
}
