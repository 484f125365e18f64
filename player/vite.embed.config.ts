/** The player in a frame, and the element that wraps it: built apart, so that the first screen and a shared link share no chunks with them and stay small. */

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { leaveOutSecondPostcss } from "./vite.postcss.ts";

export default defineConfig({
  base: "./",
  plugins: [leaveOutSecondPostcss(), svelte()],
  worker: { format: "es" },
  publicDir: false,
  build: {
    target: "es2022",
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ["embed.html", "src/embed/element.ts"],
      output: {
        // The one file that other sites name: its place never changes.
        entryFileNames: ({ name }) =>
          name === "element" ? "tapedeck-player.js" : "assets/[name]-[hash].js",
      },
    },
  },
});
