import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { expect, test } from "vitest";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SOURCES: Record<string, string> = {
  "@tapedeck/recorder": at("../src/index.ts"),
  "@tapedeck/recorder/otel": at("../src/otel.ts"),
};

/** The package from its sources; of others only the names. */
const resolve: Plugin = {
  name: "resolve",
  setup({ onResolve }) {
    onResolve({ filter: /^@tapedeck\/recorder/ }, ({ path }) => ({
      path: SOURCES[path] ?? "",
      sideEffects: false,
    }));
    onResolve({ filter: /^(?:react|vue|@sentry|@opentelemetry)/ }, ({ path }) => ({
      path,
      external: true,
    }));
  },
};

async function bundled(contents: string, loader: "ts" | "tsx" = "ts"): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, loader, resolveDir: at(".") },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    jsx: "automatic",
    write: false,
    plugins: [resolve],
  });
  return outputFiles[0]?.text ?? "";
}

const page = readFileSync(at("../../docs/embed.md"), "utf8");
const samples = Array.from(
  page.matchAll(/^## (.+)$|^```(tsx?)\n([\s\S]*?)^```$/gm),
  ([, heading, loader, code]) => ({ heading, loader, code }),
);

test.each(samples.filter(({ code }) => code !== undefined))(
  "sample %#: every import is there, and it builds",
  async ({ code, loader }) => {
    expect(await bundled(code ?? "", loader as "ts" | "tsx")).not.toBe("");
  },
);

test("the page has a recipe for each framework", () => {
  const headings = samples.flatMap(({ heading }) =>
    heading === undefined ? [] : [heading.split(/[:]/)[0]],
  );
  expect(headings).toEqual(["React", "Vue", "Next.js", "Sentry", "OpenTelemetry"]);
});

test("an import that is not used weighs nothing", async () => {
  expect(await bundled('import { start, track } from "@tapedeck/recorder";')).toBe("");
});
