// The documentation as a site: the README, everything under docs/ and the formats under spec/, at the addresses that they have in the tree.

import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { defineConfig } from "vitepress";

const ROOT = resolve(import.meta.dirname, "../..");
/** Where the source can be read, for links to files that are no pages. Without it they are shown as text. */
const SOURCE = process.env.TAPEDECK_SOURCE_URL;

const guide = (name: string, text: string) => ({ text, link: `/docs/guide/${name}` });
const spec = (name: string, text: string) => ({ text, link: `/spec/${name}` });

export default defineConfig({
  title: "Tapedeck",
  description: "Session replay on an edge function, a bucket and a Lambda",
  srcDir: ROOT,
  // Only what is listed here is a page; other folders have READMEs of packages in them.
  srcExclude: [
    "!(README|CHANGELOG|CONTRIBUTING|docs|spec|infra)/**",
    "**/node_modules/**",
    "docs/**/node_modules/**",
  ],
  rewrites: {
    "README.md": "index.md",
    "spec/README.md": "spec/index.md",
    "docs/adr/README.md": "docs/adr/index.md",
    "infra/README.md": "infra/index.md",
  },
  cleanUrls: true,
  // Nothing is loaded from another host.
  head: [["meta", { name: "referrer", content: "no-referrer" }]],
  markdown: {
    config(md) {
      md.core.ruler.push("source-links", (state) => {
        const { relativePath } = state.env as { relativePath: string };
        const from = dirname(join(ROOT, unrewritten(relativePath)));
        for (const token of state.tokens) {
          let shownAsText = false;
          for (const child of token.children ?? []) {
            if (child.type === "link_close" && shownAsText) {
              child.tag = "span";
              shownAsText = false;
            }
            const href = child.type === "link_open" ? child.attrGet("href") : null;
            if (!href || /^([a-z]+:|#|\/)/.test(href)) continue;
            const [path = ""] = href.split("#");
            const file = resolve(from, decodeURI(path));
            if (!existsSync(file)) throw new Error(`${relativePath}: there is no ${href}`);
            if (path.endsWith(".md") || isPageFolder(file)) continue;
            if (SOURCE) child.attrSet("href", `${SOURCE}/${relative(ROOT, file)}`);
            else {
              child.tag = "span";
              child.attrs = [];
              shownAsText = true;
            }
          }
        }
      });
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      guide("quick-start", "Quick start"),
      { text: "Embed", link: "/docs/embed" },
      guide("deploy", "Deploy"),
      { text: "Formats", link: "/spec/" },
    ],
    sidebar: [
      {
        text: "Use it",
        items: [
          { text: "What it is", link: "/" },
          guide("quick-start", "Quick start"),
          { text: "Embed the recorder", link: "/docs/embed" },
          { text: "Embed the player", link: "/docs/embedding" },
          guide("deploy", "Deploy to production"),
          guide("operate", "Operate"),
          guide("move", "Move sessions"),
          guide("troubleshooting", "Troubleshooting"),
          guide("upgrade", "Versions and upgrades"),
        ],
      },
      {
        text: "Decide on it",
        items: [
          guide("privacy", "Privacy and legal"),
          guide("security", "Security model"),
          guide("cost", "Cost"),
          guide("scale", "Scale"),
          guide("compare", "Compared with others"),
          { text: "Figures", link: "/docs/figures" },
        ],
      },
      {
        text: "Formats and calls",
        collapsed: true,
        items: [
          { text: "Overview", link: "/spec/" },
          spec("ids", "Ids"),
          spec("upload", "Upload"),
          spec("events", "Events"),
          spec("objects", "Objects"),
          spec("usage", "Usage"),
          spec("manifest", "Manifest"),
          spec("config", "Configuration"),
          spec("tables", "Tables"),
          spec("tape", "Tape"),
          spec("requests", "Requests"),
          spec("viewer-api", "Viewer's calls"),
        ],
      },
      {
        text: "How it is made",
        collapsed: true,
        items: [
          { text: "Architecture", link: "/docs/architecture" },
          { text: "Decisions", link: "/docs/adr/" },
          { text: "Cloud resources", link: "/infra/" },
          { text: "Contributing", link: "/CONTRIBUTING" },
          { text: "Changelog", link: "/CHANGELOG" },
        ],
      },
    ],
  },
});

/** The path in the tree of a page whose address is a folder's. */
function unrewritten(page: string): string {
  return page === "index.md" ? "README.md" : page.replace(/\/index\.md$/, "/README.md");
}

function isPageFolder(path: string): boolean {
  return ["spec", "docs/adr", "infra"].some((folder) => resolve(ROOT, folder) === path);
}
