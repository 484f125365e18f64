import type { TestProject } from "vitest/node";
import { type StackHandle, startStack } from "./stack.ts";

declare module "vitest" {
  interface ProvidedContext {
    stack: StackHandle;
  }
}

/** Starts one stack for all test files of a project; they get it with `inject("stack")`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { up, data, stop } = await startStack();
  project.provide("stack", { up, data });
  return stop;
}
