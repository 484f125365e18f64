/**
 * Builds what is published into `dist/`: the module, whose dependencies stay imports, and the two files of the script tag, which need
 * nothing else.
 */
import { glob, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { minify } from "terser";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const SCRIPT: BuildOptions = {
  bundle: true,
  target: "es2020",
  legalComments: "none",
  write: false,
  // Fields as plain assignments, which weigh less than definitions and are the same here.
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
};

/**
 * Members of rrweb that are no part of an event: their names are shortened, as are the recorder's own private ones. Terser leaves alone what the
 * DOM has too.
 */
const INTERNAL =
  "stylesheetManager iframeManager shadowDomManager canvasManager processedNodeManager mutationCb mousemoveCb mouseInteractionCb scrollCb " +
  "viewportResizeCb inputCb mediaInteractionCb styleSheetRuleCb styleDeclarationCb canvasMutationCb fontCb selectionCb customElementCb " +
  "adoptedStyleSheetCb slimDOMOptions dataURLOptions keepIframeSrcFn recordCanvas inlineImages inlineStylesheet crossOriginIframeMirror " +
  "crossOriginIframeStyleMirror bypassOptions addedSet movedSet droppedSet removesSubTreeCache movedMap mapRemoves attributeMap unattachedDoc " +
  "onSerialize onIframeLoad onStylesheetLoad userTriggeredOnInput collectFonts ignoreCSSAttributes recordDOM recordCrossOriginIframes " +
  "newlyAddedElement preserveWhiteSpace iframeLoadTimeout stylesheetLoadTimeout nodeMetaMap idNodeMap headMetaDescKeywords headMetaSocial " +
  "headMetaRobots headMetaHttpEquiv headMetaAuthorship headMetaVerification headTitleMutations headFavicon headWhitespace wrappedEmit " +
  "cssCaptured needsMask maskInputOptions maskInputFn maskTextFn maskTextClass maskTextSelector blockClass blockSelector ignoreClass ignoreSelector " +
  "crossOriginIframeMap crossOriginIframeRootIdMap loadListener styleMirror generateIdFn restoreHandlers patchAttachShadow trackedLinkElements " +
  "styleIDMap idStyleMap styleDiff _unchangedStyles genTextAreaValueMutation genAdds processMutation processMutations observeAttachShadow " +
  "attachIframe attachLinkElement trackLinkElement trackStylesheetInLinkElement adoptStyleSheets addShadowRoot addIframe addLoadListener " +
  "removeNodeFromMap getMeta hasNode getNode inOtherBuffer isFrozen unfreeze takeFullSnapshot addCustomEvent freezePage replaceIds";

/** The script tag's files by name: the part that loads first, and the recorder proper. */
export async function buildScript(): Promise<Map<string, string>> {
  const [first, proper] = await Promise.all([
    bundle({ entryPoints: [at("src/script.ts")], format: "iife" }),
    bundle({
      stdin: { contents: 'export { Recorder } from "./src/recorder.js"', resolveDir: at(".") },
      format: "esm",
    }),
  ]);
  return new Map([
    ["tapedeck.js", first],
    ["tapedeck-recorder.js", proper],
  ]);
}

async function bundle(options: BuildOptions): Promise<string> {
  const internal = [...INTERNAL.split(" "), ...(await privateNames())];
  const { outputFiles } = await build({
    ...SCRIPT,
    ...options,
    plugins: [leanRrweb],
  });
  const { code } = await minify(outputFiles?.[0]?.text ?? "", {
    ecma: 2020,
    module: options.format === "esm",
    compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
    mangle: { properties: { regex: new RegExp(`^(?:${internal.join("|")})$`) } },
    format: { comments: false },
  });
  return code ?? "";
}

/** Names of members that the recorder's own sources call private, and nothing in them calls otherwise. */
async function privateNames(): Promise<string[]> {
  const sources: string[] = [];
  for await (const path of glob(at("src/**/*.ts"))) sources.push(await readFile(path, "utf8"));
  const names = (pattern: RegExp): Set<string> =>
    new Set(sources.flatMap((text) => Array.from(text.matchAll(pattern), ([, name = ""]) => name)));
  const open = names(/(?:^|[{(,])\s*(?:(?:public|readonly|get|async) )*(\w+)\??\s*[(:]/gm);
  const hidden = names(/private (?:(?:static|readonly|get|async) )*(\w+)/g);
  return [...hidden].filter((name) => !open.has(name));
}

/**
 * Parts of rrweb that nothing reaches with the options of `capture/dom.ts`, a seventh of it: from the line that begins with the first text
 * to the one that begins with the second, and what stands there instead.
 */
const UNREACHED: [from: string, to: string, instead: string][] = [
  ["function is2DCanvasBlank(", "function getInputType(", ""],
  ['  if (tagName === "canvas" && recordCanvas) {', '  if (["audio", "video"]', ""],
  ["function slimDOMDefaults(", "function slimDOMExcluded(", "function slimDOMDefaults() {}"],
  [
    "  const maskInputOptions = maskAllInputs === true ? {",
    "  const slimDOMOptions = slimDOMDefaults(slimDOM);",
    "  const maskInputOptions = maskAllInputs;",
  ],
  ["class BaseRRNode {", "function on(type, fn", "class BaseRRNode {}"],
  ["const DEPARTED_MIRROR_ACCESS_WARNING", "function throttle(", ""],
  ["function polyfill(", "function isSerializedIframe(", "function polyfill() {}"],
  [
    "function initFontObserver(",
    "function initSelectionObserver(",
    "function initFontObserver() {}",
  ],
  ["function mergeHooks(", "function initObservers(", "function mergeHooks() {}"],
  ["class CrossOriginIframeMirror {", "class IframeManager {", "class CrossOriginIframeMirror {}"],
  ["  handleMessage(message) {", "class ShadowDomManager {", "  handleMessage() {}\n}"],
  [
    "var chars = ",
    "class StylesheetManager {",
    "class CanvasManager { reset() {} freeze() {} unfreeze() {} lock() {} unlock() {} }",
  ],
];

/** Options of `record` that are never given, with the values that they have then. */
const FIXED: Record<string, string> = {
  checkoutEveryNms: "undefined",
  checkoutEveryNth: "undefined",
  collectFonts: "false",
  hooks: "undefined",
  ignoreCSSAttributes: "new Set()",
  inlineImages: "false",
  inlineStylesheet: "true",
  maskAllInputs: "undefined",
  mousemoveWait: "undefined",
  packFn: "undefined",
  plugins: "undefined",
  recordCanvas: "false",
  recordCrossOriginIframes: "false",
  recordDOM: "true",
  userTriggeredOnInput: "false",
};

/**
 * Leaves out what is unreached. rrweb comes as one file whose parts hold each other, so that no bundler can; its version is pinned, and the
 * build fails where its text is not as expected.
 */
const leanRrweb: Plugin = {
  name: "lean-rrweb",
  setup({ onLoad }) {
    onLoad({ filter: /@rrweb[\\/]record[\\/]dist[\\/]record\.js$/ }, async ({ path }) => {
      let lines = (await readFile(path, "utf8")).split("\n");
      for (const [from, to, instead] of UNREACHED) {
        const begin = lines.findIndex((line) => line.startsWith(from));
        const end = lines.findIndex((line, at) => at > begin && line.startsWith(to));
        if (begin < 0 || end < 0) throw new Error(`rrweb has no longer ${from} before ${to}`);
        lines = [...lines.slice(0, begin), instead, ...lines.slice(end)];
      }
      return { contents: withPlainMembers(withFixedOptions(lines).join("\n")) };
    });
  },
};

/** `record` with its fixed options as constants; `slimDOMOptions` is `"all"`, which means each of them. */
function withFixedOptions(lines: string[]): string[] {
  const begin = lines.indexOf("function record(options = {}) {");
  const end = lines.indexOf("  } = options;", begin);
  const isFixed = (line: string): boolean => (/^ {4}(\w+)/.exec(line)?.[1] ?? "") in FIXED;
  const given = lines.slice(begin, end);
  const kept = given.filter((line) => !isFixed(line));
  const count = Object.keys(FIXED).length;
  if (begin < 0 || given.length - kept.length !== count)
    throw new Error(`rrweb's record has ${given.length - kept.length} of ${count} fixed options`);
  const constants = Object.entries(FIXED).map(([name, value]) => `const ${name} = ${value};`);
  return [
    ...lines.slice(0, begin),
    kept[0] ?? "",
    ...constants,
    ...kept.slice(1),
    ...lines.slice(end),
  ].map((line) => line.replace(/\bslimDOMOptions\.\w+/g, "true"));
}

/** Members as plain assignments, so that their names can be shortened. */
function withPlainMembers(code: string): string {
  let lists = 0;
  const plain = code
    .replace(/__publicField\(this, "(\w+)"\);/g, "this.$1 = void 0;")
    .replace(/__publicField\(this, "(\w+)", /g, "this.$1 = (")
    .replace(
      /\[((?:\s*"\w+",?)+)\s*\]\.forEach\(\(key\) => \{\s*this\[key\] = options\[key\];\s*\}\);/g,
      (_, names: string) => {
        lists++;
        return names.replace(/"(\w+)",?/g, "this.$1 = options.$1;");
      },
    );
  if (lists !== 1) throw new Error(`rrweb has ${lists} lists of members, expected 1`);
  return plain;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build({
    entryPoints: [at("src/index.ts")],
    bundle: true,
    packages: "external",
    format: "esm",
    target: "es2022",
    outfile: at("dist/index.js"),
  });
  for (const [name, text] of await buildScript()) await writeFile(at(`dist/${name}`), text);
}
