import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { leaveOutSecondPostcss } from "./vite.postcss.ts";

/** Whether a module is one that the watching screen shares with others. */
function isShared(id: string): boolean {
  return /\/node_modules\/svelte\/|\/icons\/x\.|\/src\/(main|format|route|access|entries\/trace|session\/manifest|ui\/(App|ThemeButton|theme|TokenForm|Notice|Brand|failure)\.)/.test(
    id,
  );
}

export default defineConfig({
  // Relative, so that the folder works under any path of any host.
  base: "./",
  plugins: [leaveOutSecondPostcss(), svelte()],
  worker: { format: "es" },
  build: {
    target: "es2022",
    // Inlined assets would need `data:` in more directives of the policy than pictures and fonts do.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // 1.6 KB less before the first picture than the bundler's own, gzipped.
    minify: "terser",
    terserOptions: { module: true, ecma: 2020, compress: { passes: 3 } },
    rolldownOptions: {
      output: {
        // What every screen needs in one file: several small ones weigh more (test/budget.test.ts).
        codeSplitting: { groups: [{ name: "shared", test: isShared }] },
      },
    },
  },
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"] } },
      {
        test: {
          name: "browser",
          include: ["test/**/*.test.ts"],
          // A poll gives up after one second otherwise, which a busy machine may take for one step.
          expect: { poll: { timeout: 15_000 } },
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // One browser at a time: pictures are timed.
          fileParallelism: false,
        },
      },
    ],
  },
});
