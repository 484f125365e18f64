/** Builds the script tag's files once for all tests. */
import type { TestProject } from "vitest/node";
import { buildScript } from "../../build.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The script tag's files by name. */
    scripts: Record<string, string>;
  }
}

export default async function setup({ provide }: TestProject): Promise<void> {
  provide("scripts", Object.fromEntries(await buildScript()));
}
