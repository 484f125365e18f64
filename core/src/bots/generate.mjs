// Writes names.txt, the names by which bots.rs knows a bot, from the list that https://github.com/monperrus/crawler-user-agents keeps (MIT):
//
//   npm pack crawler-user-agents@1.60.0 && tar xzf crawler-user-agents-*.tgz
//   node generate.mjs package/crawler-user-agents.json 1.60.0 > names.txt
//
// What a stem of bots.rs covers needs no name, and patterns that name what people use are left out: a visitor who is
// taken for a bot is never recorded, while a bot that is taken for a visitor costs a few kilobytes.
import { readFileSync } from "node:fs";
import process from "node:process";

const [list, version] = process.argv.slice(2);
if (list === undefined || version === undefined) {
  throw new Error("usage: generate.mjs LIST VERSION");
}

const stems = /const STEMS[^=]*= \[([^\]]*)\]/.exec(
  readFileSync(new URL("../bots.rs", import.meta.url), "utf8"),
);
const STEMS = [...stems[1].matchAll(/"([^"]+)"/g)].map(([, stem]) => stem);

/** Browsers inside apps, editors and desktop wrappers; parts of names that other things have as well. */
const PEOPLE = new Set([
  "AP3A.240617.008",
  "MetaIAB Facebook",
  "Code/1.",
  "Trae/",
  "Fluid",
  "Hotjar",
  "WhatsApp",
  "Viber",
  "Tumblr/",
  "Bluesky/",
  "okhttp",
  "Instapaper/",
  "NextCloud",
  "CapitalOneShopping",
  "Determ",
  "Adventurer",
  "Magellan",
  "Make/",
  "Stape/",
  "Hello World",
  "Potions/",
  "Silk/",
  "Sonic",
  "Odin;",
  "RED/",
  "Devin",
  "Buck/",
  "Fever",
  "Yeti",
  "YaK/",
  "Daum/",
  "Trove",
  "Asana/",
  "Webflow",
  "ds9",
  "008/",
  "upday/",
]);

/** Written as regular expressions in that list. */
const NAMES = ["PTST/", "Pingdom", "pingdom", "; Rigor)", "acunetix"];

const covers = (agent) => STEMS.some((stem) => agent.toLowerCase().includes(stem));

const names = new Set(NAMES);
for (const { pattern, instances = [] } of JSON.parse(readFileSync(list, "utf8"))) {
  const name = pattern.replace(/\\([/.\- ])/g, "$1");
  const isLiteral = !/[\\^$*+?()[\]|{}]/.test(name);
  const isCovered = instances.length > 0 ? instances.every(covers) : covers(name);
  if (isLiteral && name.length > 3 && !isCovered && !PEOPLE.has(name)) {
    names.add(name);
  }
}
const sorted = [...names].sort();
const shortest = sorted.filter(
  (name) => !sorted.some((other) => other !== name && name.includes(other)),
);
process.stdout.write(`# crawler-user-agents ${version}, by generate.mjs\n${shortest.join("\n")}\n`);
