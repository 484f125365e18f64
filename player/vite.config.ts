import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative, so that the folder works under any path of any host.
  base: "./",
  plugins: [svelte()],
  worker: { format: "es" },
  build: {
    target: "es2022",
    // Inlined assets would need `data:` in more directives of the policy than pictures and fonts do.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"] } },
      {
        test: {
          name: "browser",
          include: ["test/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // One browser at a time: pictures are timed.
          fileParallelism: false,
        },
      },
    ],
  },
});
