import type { Plugin } from "vite";

/**
 * Lets a bundler leave out the second of the two copies of postcss in rrweb's replayer: 16 KB of what a shared link needs, gzipped.
 *
 * Nothing there uses it, but as the module begins it is called for and read from, which might have effects for all that a bundler knows. If the
 * replayer is ever written otherwise, nothing is changed, and test/budget.test.ts tells.
 */
export function leaveOutSecondPostcss(): Plugin {
  return {
    name: "leave-out-second-postcss",
    transform: {
      filter: { id: /\/@rrweb\/replay\/dist\/replay\.js$/ },
      handler: (code) =>
        code
          .replace(
            "postcssExports = requirePostcss();",
            "postcssExports = /* @__PURE__ */ requirePostcss();",
          )
          .replace(/^postcss\.\w+;$/gm, ""),
    },
  };
}
