// Makes docs/figures.md from bench/results/*.json. With --check: says whether it is up to date, and changes nothing.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isMet, type Result, read } from "./frame.ts";

const PAGE = new URL("../docs/figures.md", import.meta.url);

function page(results: Result[]): string {
  const rows = results.flatMap(({ name, figures }) =>
    figures.map((figure) => {
      const bar = `${figure.better === "lower" ? "≤" : "≥"} ${figure.bar}`;
      const cells = [
        `${name}.${figure.id}`,
        `${figure.value} ${figure.unit}`,
        bar,
        isMet(figure) ? "yes" : "**no**",
      ];
      const when = figure.taken_at === undefined ? "" : ` (taken ${figure.taken_at})`;
      return `| ${[...cells, `${figure.against}${when}`].join(" | ")} |`;
    }),
  );
  const taken = results.map(
    ({ name, taken_at, machine }) =>
      `- ${name}: ${taken_at}, ${machine.cores} × ${machine.cpu}, ${machine.memory_gib} GiB, ${machine.os}`,
  );
  return `# Figures

Made from \`bench/results/\` by \`cargo xtask bench\`; do not edit. Each figure is held to a bar, and says against what it was measured.

| figure | value | bar | met | against |
|---|---|---|---|---|
${rows.join("\n")}

Taken:

${taken.join("\n")}
`;
}

const names = readdirSync(new URL("./results/", import.meta.url))
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length))
  .sort();
const expected = page(names.map(read));
if (!process.argv.includes("--check")) {
  writeFileSync(PAGE, expected);
} else if (readFileSync(PAGE, "utf8") !== expected) {
  console.error("docs/figures.md is not what bench/results/ gives: run `npm run table -w bench`");
  process.exit(1);
}
