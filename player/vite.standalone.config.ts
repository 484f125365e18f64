/** The player inside exported HTML files: one script and one style sheet, `dist/standalone/`. */

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { leaveOutSecondPostcss } from "./vite.postcss.ts";

export default defineConfig({
  plugins: [leaveOutSecondPostcss(), svelte()],
  publicDir: false,
  build: {
    target: "es2022",
    outDir: "dist/standalone",
    cssCodeSplit: false,
    lib: {
      entry: "src/export/standalone.ts",
      formats: ["iife"],
      name: "tapedeck",
      fileName: () => "player.js",
      cssFileName: "player",
    },
  },
});
