import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { leaveOutSecondPostcss } from "./vite.postcss.ts";

/** Whether a module is one of those that ask for what a link leads to, before anything is shown. */
function isEarly(id: string): boolean {
  return /\/src\/(main|early|access|route|entries\/trace|session\/(manifest|model|plan)|source\/(ahead|edge|edge-calls|ranges|reach|source)|load\/decoder|ui\/screens)\.ts|preload-helper|rolldown\/runtime/.test(
    id,
  );
}

/** Whether a module is one that the watching screen shares with others. */
function isShared(id: string): boolean {
  return /\/node_modules\/svelte\/|\/icons\/x\.|\/src\/(format|ui\/(start|App|ThemeButton|theme|TokenForm|Notice|Brand|failure)\.)/.test(
    id,
  );
}

/** The first script comes first, and what every screen needs is asked for beside it, not only once that script says so. */
const sharedEarly: Plugin = {
  name: "shared-early",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle = {} }) {
      const chunk = Object.values(bundle).find(({ name }) => name === "shared");
      if (chunk?.type !== "chunk") return html;
      const sheets = [...(chunk.viteMetadata?.importedCss ?? [])];
      const attrs = { crossorigin: true, fetchpriority: "low" };
      return {
        html: html.replace("<script async ", '<script async fetchpriority="high" '),
        tags: [
          ...sheets.map((href) => ({
            tag: "link",
            attrs: { rel: "stylesheet", crossorigin: true, href: `./${href}` },
            injectTo: "head" as const,
          })),
          {
            tag: "link",
            attrs: { rel: "modulepreload", ...attrs, href: `./${chunk.fileName}` },
            injectTo: "head" as const,
          },
        ],
      };
    },
  },
};

export default defineConfig({
  // Relative, so that the folder works under any path of any host.
  base: "./",
  plugins: [leaveOutSecondPostcss(), svelte(), sharedEarly],
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
        codeSplitting: {
          groups: [
            { name: "early", test: isEarly },
            { name: "shared", test: isShared },
            // With a host of HTTP/1.1, a browser asks for six files at a time.
            { name: "watch", test: /\/src\/ui\/(SessionScreen|Watch)\.svelte/ },
            // What reads a tape is asked for with its header, and all at once.
            {
              name: "tape",
              test: /\/src\/(source|session)\/tape\.ts|\/src\/load\/zstd\.ts|\/fzstd\//,
            },
          ],
        },
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
