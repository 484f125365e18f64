import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "tables", include: ["tables/**/*.test.ts"] } },
      {
        test: {
          name: "edge",
          include: ["edge/**/*.test.ts"],
          // One stack for all files, one file at a time: some take its bucket away for a while.
          globalSetup: "harness/global.ts",
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          globalSetup: "harness/global.ts",
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
