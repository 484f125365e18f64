/** The player in a frame, and the element that wraps it: built apart, so that the first screen and a shared link share no chunks with them and stay small. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { leaveOutSecondPostcss } from "./vite.postcss.ts";

const EMBED = fileURLToPath(new URL("./embed.html", import.meta.url));

/** `embed.html` is `index.html` with another script: the policy in it stands in one place. */
const embedFromIndex: Plugin = {
  name: "embed-from-index",
  enforce: "pre",
  resolveId: (id) => (id.endsWith("embed.html") ? EMBED : null),
  async load(id) {
    if (id !== EMBED) return null;
    const index = await readFile(new URL("./index.html", import.meta.url), "utf8");
    const embed = index.replace("./src/main.ts", "./src/embed/main.ts");
    if (embed === index) throw new Error("index.html names no ./src/main.ts");
    return embed;
  },
};

export default defineConfig({
  base: "./",
  plugins: [embedFromIndex, leaveOutSecondPostcss(), svelte()],
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
