// Checks the samples in the pages: commands that exist, with options that exist; JSON that parses. `node samples.ts`

import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const PAGES = globSync(["*.md", "docs/**/*.md", "spec/*.md", "infra/*.md", "recorder/README.md"], {
  cwd: ROOT,
  exclude: (path) => path.includes("node_modules"),
});

interface Sample {
  page: string;
  line: number;
  language: string;
  text: string;
}

const samples = PAGES.flatMap(samplesOf);
const wrong = samples.flatMap((sample) =>
  problems(sample).map((problem) => `${sample.page}:${sample.line}: ${problem}`),
);
for (const problem of wrong) console.error(problem);
console.log(`${samples.length} samples in ${PAGES.length} pages, ${wrong.length} wrong`);
process.exit(wrong.length === 0 ? 0 : 1);

function samplesOf(page: string): Sample[] {
  const found: Sample[] = [];
  let open: Sample | undefined;
  for (const [index, line] of readFileSync(resolve(ROOT, page), "utf8").split("\n").entries()) {
    const fence = /^```(\w*)/.exec(line);
    if (fence && !open) open = { page, line: index + 2, language: fence[1] ?? "", text: "" };
    else if (fence && open) {
      found.push(open);
      open = undefined;
    } else if (open) open.text += `${line}\n`;
  }
  if (open) throw new Error(`${page}:${open.line}: a sample without end`);
  return found;
}

function problems({ language, text }: Sample): string[] {
  if (language === "sh") return text.split("\n").flatMap(commandProblems);
  // A sample with an ellipsis shows the form and not a whole document.
  if (language === "json" && !text.includes("…")) {
    try {
      JSON.parse(text);
    } catch (error) {
      return [`no JSON: ${error}`];
    }
  }
  return [];
}

function commandProblems(line: string): string[] {
  const words = line
    .replace(/\s#.*$/, "")
    .trim()
    .split(/\s+/);
  const [program, script, ...rest] = words;
  if (program === "npm" && script === "run") return npmProblems(rest);
  const own = program === "cargo" && script === "xtask" ? rest : undefined;
  if (!own) return [];
  const [name, ...options] = own;
  if (name === undefined) return ["no command"];
  let help: string;
  try {
    help = execFileSync("cargo", ["--quiet", "xtask", name, "--help"], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch {
    return [`there is no command ${name}`];
  }
  const unknown = options.filter(
    (option) => option.startsWith("--") && !help.includes(option.split("=")[0] ?? option),
  );
  return unknown.map((option) => `cargo xtask ${name} knows no ${option}`);
}

function npmProblems([name, flag, workspace]: string[]): string[] {
  const folder = flag === "-w" ? (workspace ?? "") : "";
  const { scripts } = JSON.parse(readFileSync(resolve(ROOT, folder, "package.json"), "utf8"));
  return name !== undefined && name in scripts
    ? []
    : [`${folder || "the root"} has no script ${name}`];
}
