/**
 * Builds what is published into `dist/`: the module, whose dependencies stay imports, and the two files of the script tag, which need
 * nothing else.
 */
import { glob, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { minify } from "terser";
import { leanFflate, leanRrweb, leanVitals, nothingBeyond } from "./lean.ts";

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

/**
 * Members by which the files and their parts know each other, and which neither the DOM, nor what is sent, nor the page knows by these
 * names.
 */
const SHARED =
  "startedMs startMs activeMs kept decision buffered atMs sessions abandon enter isOver sessionId replayUrl memory isTextMasked fromMs waitMs " +
  "textIn effectMs traceAt keptAlive hurryMs encodeNow takeLeftOut settleAll sessionTooLong sessionEnded retryAfter isForeign growHurry " +
  "afterMs startedAt durationMs answered settled checkpoint correlation";

/** The script tag's files by name: the part that loads first, the recorder proper, and the same with all that a page may ask for. */
export async function buildScript(): Promise<Map<string, string>> {
  // The files are made one after the other, since the second must shorten names as the first did.
  const names: Names = {};
  const first = await bundle({ entryPoints: [at("src/script.ts")], format: "iife" }, names);
  return new Map([
    ["tapedeck.js", first],
    ["tapedeck-recorder.js", await bundle({ ...FULL, plugins: LEAN }, names)],
    ["tapedeck-recorder-full.js", await bundle(FULL, names)],
  ]);
}

const FULL: BuildOptions = {
  stdin: { contents: 'export { Recorder } from "./src/recorder.js"', resolveDir: at(".") },
  format: "esm",
};
const LEAN = [leanRrweb, nothingBeyond];

/** What terser calls members. */
interface Names {
  props?: object;
}

async function bundle(options: BuildOptions, names: Names): Promise<string> {
  const internal = SHARED.split(" ");
  // A whole rrweb names members in texts too, and sends some to a worker.
  if (options !== FULL) internal.push(...INTERNAL.split(" "), ...(await privateNames()));
  const { outputFiles } = await build({
    ...SCRIPT,
    ...options,
    plugins: [leanFflate, leanVitals, ...(options.plugins ?? [])],
  });
  const nameCache = { props: names.props };
  const { code } = await minify(outputFiles?.[0]?.text ?? "", {
    ecma: 2020,
    nameCache,
    module: options.format === "esm",
    compress: { passes: 3, drop_console: true, unsafe_arrows: true, unsafe_methods: true },
    mangle: { properties: { regex: new RegExp(`^(?:${internal.join("|")})$`) } },
    format: { comments: false },
  });
  if (nameCache.props) names.props = nameCache.props;
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build({
    // Each a file of its own: what `index.ts` does when it is imported would be left out by bundlers if its functions were in another.
    entryPoints: [at("src/index.ts"), at("src/otel.ts")],
    bundle: true,
    packages: "external",
    format: "esm",
    target: "es2022",
    outdir: at("dist"),
  });
  for (const [name, text] of await buildScript()) await writeFile(at(`dist/${name}`), text);
}
