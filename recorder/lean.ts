/**
 * Leaves out of the dependencies what the recorder never reaches, for the script tag's files only. rrweb comes as one file whose parts hold
 * each other, and web-vitals measures soft navigations that nobody asked for, so that no bundler can; their versions are pinned, and the
 * build fails where their text is not as expected.
 */
import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

/**
 * Parts of rrweb that nothing reaches with the options of `capture/dom.ts`, a seventh of it: from the line that begins with the first text
 * to the one that begins with the second, and what stands there instead.
 */
const UNREACHED: [from: string, to: string, instead: string][] = [
  // Each of the browser's own accessors is looked for once, and not for every node by two names.
  [
    "const untaintedAccessorCache = ",
    "function styleSheets(",
    `const own = (key, name) => {
      let own;
      return (n, given) => {
        if (!own) {
          const { get, value } = Object.getOwnPropertyDescriptor(getUntaintedPrototype(key), name) || {};
          own = get || value;
        }
        return own ? own.call(n, given) : n[name];
      };
    };
    const ownerDocument = own("Node", "ownerDocument");
    const childNodes = own("Node", "childNodes");
    const parentNode = own("Node", "parentNode");
    const parentElement = own("Node", "parentElement");
    const textContent = own("Node", "textContent");
    const firstChild = own("Node", "firstChild");
    const lastChild = own("Node", "lastChild");
    const nextSibling = own("Node", "nextSibling");
    const previousSibling = own("Node", "previousSibling");
    const contains = own("Node", "contains");
    const getRootNode = own("Node", "getRootNode");
    const closest = own("Element", "closest");
    const matches = own("Element", "matches");
    const ownHost = own("ShadowRoot", "host");
    const ownShadowRoot = own("Element", "shadowRoot");
    const host = (n) => n && "host" in n ? ownHost(n) : null;`,
  ],
  [
    "function shadowRoot(",
    "function mutationObserverCtor(",
    `const shadowRoot = (n) => n && "shadowRoot" in n ? ownShadowRoot(n) : null;
    const querySelector = null, querySelectorAll = null;`,
  ],
  // What is blocked is known by one selector, which has rrweb's class too, and all text is asked about.
  [
    "function _isBlockedElement(",
    "function onceIframeLoaded(",
    `function _isBlockedElement(element, blockSelector) {
      return matches(element, blockSelector);
    }
    function needMaskingText(node) {
      return isElement(node) ? index.firstChild(node) !== null : index.parentElement(node) !== null;
    }`,
  ],
  [
    "function isBlocked(",
    "function isSerialized(",
    `function isBlocked(node, blockSelector, checkAncestors) {
      const el = closestElementOfNode(node);
      return !!el && (checkAncestors ? closest(el, blockSelector) !== null : matches(el, blockSelector));
    }`,
  ],
  [
    "function hasShadowRoot(",
    "class StyleSheetMirror",
    "function hasShadowRoot(n) { return index.shadowRoot(n) !== null; }",
  ],
  [
    "function processRemoves(",
    "function isSelfOrAncestorInSet(",
    `function processRemoves(n, cache) {
      if (cache.has(n)) return;
      cache.add(n);
      eachChild(n, (child) => processRemoves(child, cache));
    }
    function eachChild(n, each) {
      for (let child = index.firstChild(n), next; child; child = next) {
        next = index.nextSibling(child);
        each(child);
      }
    }`,
  ],
  ["function is2DCanvasBlank(", "function getInputType(", ""],
  ['  if (tagName === "canvas" && recordCanvas) {', '  if (["audio", "video"]', ""],
  ["function slimDOMDefaults(", "function slimDOMExcluded(", "function slimDOMDefaults() {}"],
  // All that shows nothing, in few words: scripts, what is fetched ahead, comments, and what a head says to other readers.
  [
    "function slimDOMExcluded(",
    "function serializeNodeWithId(",
    `function slimDOMExcluded({ type, tagName, attributes: { rel, as, name, charset } = {} }) {
      return type === 5 || tagName === "script" ||
        tagName === "link" && (/^(?:modulepreload|prefetch|shortcut icon)$/.test(rel) || as === "script") ||
        tagName === "meta" && !charset && !/^(?:viewport|color-scheme|theme-color)$/i.test(name);
    }`,
  ],
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
  // Every browser that runs this has the one interface of all rules that hold rules.
  [
    '  if (canMonkeyPatchNestedCSSRule("CSSGroupingRule")) {',
    "  const unmodifiedFunctions = {};",
    "  supportedNestedCSSRuleTypes.CSSGroupingRule = win.CSSGroupingRule;",
  ],
  [
    "    if (hasNestedCSSRule(",
    "      const rules = Array.from(",
    "    if (childRule.parentRule instanceof CSSGroupingRule) {",
  ],
  [
    "function getWindowScroll(",
    "function getWindowHeight(",
    "function getWindowScroll({ pageXOffset, pageYOffset }) { return { left: pageXOffset, top: pageYOffset }; }",
  ],
  [
    "function getWindowHeight(",
    "function getWindowWidth(",
    "function getWindowHeight() { return innerHeight; }",
  ],
  [
    "function getWindowWidth(",
    "function closestElementOfNode(",
    "function getWindowWidth() { return innerWidth; }",
  ],
  ["record.addCustomEvent = ", "record.takeFullSnapshot = ", ""],
  [
    "let nowTimestamp = ",
    "const index = {",
    `const nowTimestamp = Date.now;
    function patch(source, name, replacement) {
      const original = source[name];
      try { source[name] = replacement(original); } catch {}
      return () => { source[name] = original; };
    }`,
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

/** Where rrweb makes objects or lists for each node of which it needs none: what stands there, and what instead. */
const QUICKER: [what: string | RegExp, instead: string][] = [
  // Options go from function to function as they are, with what differs beside them.
  [
    /(function serializeNode\(n, options)\) \{\s+const \{[^}]*\{\}[^}]*\{\}[^}]*\} = options;/,
    "$1, needsMask) {\nconst { doc, mirror: mirror2 } = options;",
  ],
  [/serializeElementNode\(n, \{[^}]*\}\)/, "serializeElementNode(n, options, rootId)"],
  [
    /(function serializeElementNode\(n, options)\) \{\s+const \{[^}]*\{\}[^}]*\{\}[^}]*\} = options;/,
    "$1, rootId) {\nconst { doc, blockSelector, maskInputOptions, maskInputFn, newlyAddedElement } = options;",
  ],
  ["_isBlockedElement(n, blockClass, ", "_isBlockedElement(n, "],
  ['tagName === "link" && inlineStylesheet', 'tagName === "link"'],
  [" && !keepIframeSrcFn(attributes.src)", ""],
  [" && !this.keepIframeSrcFn(value)", ""],
  [/serializeTextNode\(n, \{[^}]*\}\)/, "serializeTextNode(n, options, needsMask, rootId)"],
  [
    "function serializeTextNode(n, options) {\n  const { needsMask, maskTextFn, rootId, cssCaptured } = options;",
    "function serializeTextNode(n, options, needsMask, rootId) {\n  const { maskTextFn, cssCaptured } = options;",
  ],
  [
    /(function serializeNodeWithId\(n, options\) \{\s+const \{)[\s\S]*?(\} = options;)[\s\S]*?const _serializedNode = serializeNode\(n, \{[^}]*\}\);/,
    `$1 doc, mirror: mirror2, skipChild, slimDOMOptions, onSerialize, onIframeLoad, iframeLoadTimeout = 5e3, onStylesheetLoad, stylesheetLoadTimeout = 5e3 $2
    let { needsMask, preserveWhiteSpace = true } = options;
    needsMask ||= needMaskingText(n);
    const _serializedNode = serializeNode(n, options, needsMask);`,
  ],
  [
    /const bypassOptions = \{[^}]*\};/,
    "const bypassOptions = { ...options, needsMask, preserveWhiteSpace, newlyAddedElement: false, cssCaptured: false };",
  ],
  [
    /serializeNodeWithId\(iframeDoc, \{[^}]*\}\)/,
    "serializeNodeWithId(iframeDoc, { ...options, doc: iframeDoc, needsMask, preserveWhiteSpace, skipChild: false, newlyAddedElement: false, cssCaptured: false })",
  ],
  [
    /serializeNodeWithId\(n, \{\s+doc,[^}]*skipChild: false[^}]*\}\)/,
    "serializeNodeWithId(n, { ...options, needsMask, preserveWhiteSpace, skipChild: false, newlyAddedElement: false, cssCaptured: false })",
  ],
  // Of what is added the options are made once an event.
  [
    /( +while \(this\.addedSet\.size\) \{[\s\S]*?)const sn = serializeNodeWithId\(n, (\{[\s\S]*?)cssCaptured\n +\}\);/,
    "const added = $2};\n$1added.cssCaptured = cssCaptured;\nconst sn = serializeNodeWithId(n, added);",
  ],
  // Lists of children, most of them of texts that have none.
  [
    /n\.childNodes\.forEach\(\s*\(childNode\) => this\.removeNodeFromMap\(childNode\)\s*\);/,
    "eachChild(n, (child) => this.removeNodeFromMap(child));",
  ],
  [
    "for (const childN of Array.from(index.childNodes(n))) {",
    "for (let childN = index.firstChild(n); childN; childN = index.nextSibling(childN)) {",
  ],
  [
    "index.childNodes(n).forEach((childN) => this.genAdds(childN));",
    "eachChild(n, (child) => this.genAdds(child));",
  ],
  [
    "index.childNodes(n).forEach((childN) => deepDelete(addsSet, childN));",
    "eachChild(n, (child) => deepDelete(addsSet, child));",
  ],
  // What is nobody's business any more.
  [/\b(isBlocked\([^,]+), (?:this\.)?blockClass\b/g, "$1"],
  [/\bneedMaskingText\(\s*m\.target,[^)]*\)/, "needMaskingText(m.target)"],
  [
    /^\s*(?:__publicField\(this, )?"?(?:blockClass|maskTextClass|maskTextSelector|inlineImages|recordCanvas|dataURLOptions|inlineStylesheet|keepIframeSrcFn)"?(?:\);|(?:: this\.\w+| = .*)?,?)\n/gm,
    "",
  ],
];

/** Enumerations of which only the numbers are used. */
const ENUMS = ["EventType", "IncrementalSource", "PointerTypes", "MediaInteractions", "NodeType"];

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

/** rrweb without what is unreached. */
export const leanRrweb: Plugin = {
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
      const code = withPlainMembers(quicker(withFixedOptions(lines).join("\n")));
      return { contents: withThrownFailure(withOwnArrays(withNumbers(code))) };
    });
  },
};

function quicker(code: string): string {
  return QUICKER.reduce((text, [what, instead]) => {
    const changed = text.replace(what, instead);
    if (changed === text) throw new Error(`rrweb has no longer ${what}`);
    return changed;
  }, code);
}

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

/** Each enumeration's members as their numbers. */
function withNumbers(code: string): string {
  return ENUMS.reduce((text, name) => {
    const definition = new RegExp(
      `^var ${name} = [\\s\\S]*?^\\}\\)\\(${name} \\|\\| \\{\\}\\);$`,
      "m",
    );
    const members = definition.exec(text)?.[0];
    if (members === undefined) throw new Error(`rrweb has no longer an enumeration ${name}`);
    const numbers = new Map(
      Array.from(members.matchAll(/\["(\w+)"\] = (\d+)\]/g), ([, member, number]) => [
        member,
        number,
      ]),
    );
    return text
      .replace(definition, "")
      .replace(new RegExp(`\\b${name}\\.(\\w+)`, "g"), (_, member: string) => {
        const number = numbers.get(member);
        if (number === undefined) throw new Error(`rrweb's ${name} has no ${member}`);
        return number;
      });
  }, code);
}

/** What keeps rrweb from starting is thrown, since it is for us to tell. */
function withThrownFailure(code: string): string {
  const hidden =
    /catch \(error\) \{\s*console\.warn\(error\);\s*\}\s*\}\s*record\.takeFullSnapshot/;
  if (!hidden.test(code))
    throw new Error("rrweb no longer writes what keeps it from starting to the console");
  return code.replace(hidden, "finally {}\n}\nrecord.takeFullSnapshot");
}

/** `Array.from` as it is meant, also where a page has one of its own: rrweb would put another in its place, for the page too. */
function withOwnArrays(code: string): string {
  const begin = code.indexOf("try {\n  if (Array.from([1]");
  const end = code.indexOf("const mirror = ", begin);
  if (begin < 0 || end < 0) throw new Error("rrweb no longer mends Array.from");
  const own =
    "function arrayFrom(list, each) { const all = [...list]; return each ? all.map(each) : all; }\n";
  return own + (code.slice(0, begin) + code.slice(end)).replace(/\bArray\.from\(/g, "arrayFrom(");
}

/** What a page may ask for beyond its own DOM is in the full file. */
export const nothingBeyond: Plugin = {
  name: "nothing-beyond",
  setup({ onLoad }) {
    onLoad({ filter: /capture[\\/]beyond\.ts$/ }, () => ({
      contents: `export const isRelay = () => false;
        export const beyond = () => ({ options: {}, isForeign() {}, started() {}, stop() {} });`,
    }));
  },
};

/** fflate's gzip for the one level and form that is asked for: what stands there, and what instead. */
const GZIP: [what: RegExp, instead: string][] = [
  [
    /^var dopt = [\s\S]*?^\};$/m,
    "var dopt = (dat, opt, pre, post) => dflt(dat, 6, Math.ceil(Math.max(8, Math.min(13, Math.log(dat.length))) * 1.5), pre, post, { l: 1 });",
  ],
  [/^var gzh = [\s\S]*?^\};$/m, "var gzh = (c) => { c[0] = 31, c[1] = 139, c[2] = 8, c[9] = 3; };"],
  [/^var gzhl = .*$/m, "var gzhl = () => 10;"],
  [/^var td = [\s\S]*?^catch \(e\) \{ \}$/m, ""],
];

/** fflate's gzip alone. */
export const leanFflate: Plugin = {
  name: "lean-fflate",
  setup({ onLoad }) {
    onLoad({ filter: /fflate[\\/]esm[\\/]browser\.js$/ }, async ({ path }) => {
      const code = await readFile(path, "utf8");
      const contents = GZIP.reduce((text, [what, instead]) => {
        if (!what.test(text)) throw new Error(`fflate has no longer ${what}`);
        return text.replace(what, () => instead);
      }, code);
      return { contents };
    });
  },
};

/** Modules of web-vitals that say more than is recorded. */
const VITALS: Record<string, string> = {
  "softNavs.js":
    "export const checkSoftNavsEnabled = () => false; export const storeSoftNavEntry = () => {};",
  "initMetric.js":
    "export const initMetric = (name, value = -1) => ({ name, value, rating: 'good', delta: 0, entries: [] });",
};

/** web-vitals without soft navigations, and its metrics without what is not recorded of them. */
export const leanVitals: Plugin = {
  name: "lean-vitals",
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^web-vitals$/ }, async ({ kind, resolveDir }) => {
      const { path } = await resolve("web-vitals/onCLS.js", { kind, resolveDir });
      return { path: path.replace(/onCLS\.js$/, "index.js"), sideEffects: false };
    });
    onLoad(
      { filter: /web-vitals[\\/]dist[\\/]modules[\\/]lib[\\/](?:softNavs|initMetric)\.js$/ },
      ({ path }) => ({
        contents: VITALS[path.replace(/^.*[\\/]/, "")] ?? "",
      }),
    );
  },
};
