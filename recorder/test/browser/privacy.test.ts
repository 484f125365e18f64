import { expect, test } from "vitest";
import { projectConfig } from "./edge.js";
import { context, edge, flush, open, recording, site, state } from "./setup.js";

/** Draws secrets that say where they were. */
function canaries() {
  const all = new Set<string>();
  const canary = (where: string): string => {
    const name = `CANARY${where.replace(/\W+/g, "")}${all.size}`;
    all.add(name);
    return name;
  };
  return { all, canary };
}

const TEXT_ATTRIBUTES =
  "title alt placeholder label summary abbr content value data-name data-user-email aria-label aria-description " +
  "aria-roledescription aria-valuetext aria-placeholder aria-braillelabel x-unknown customername itemprop datetime pattern list " +
  "standby accesskey download prompt onclick onmouseover nonce";
const URL_ATTRIBUTES =
  "href src action formaction poster background data cite ping longdesc manifest xlink:href srcset imagesrcset";
const TEXT_ELEMENTS =
  "p span a b h1 li td th caption label legend summary figcaption button option textarea pre code blockquote q address time data " +
  "output meter progress dt dd noscript marquee font custom-element svg:text svg:title svg:desc math:mi";
const INPUT_TYPES =
  "text search url email tel password number date hidden checkbox radio range color file image submit button reset odd";

const element = (name: string, attributes: string, text: string): string =>
  name.includes(":")
    ? `<${name.split(":")[0]}><${name.split(":")[1]} ${attributes}>${text}</${name.split(":")[1]}></${name.split(":")[0]}>`
    : `<${name} ${attributes}>${text}</${name}>`;

/** A page's body with a secret in every place. */
function body(canary: (where: string) => string): string {
  const url = (where: string) =>
    `https://user:${canary(`${where}user`)}@shop.example/p/${canary(`${where}path`)}@x/?q=${canary(`${where}query`)}&${canary(`${where}bare`)}#${canary(`${where}hash`)}`;
  return [
    ...TEXT_ELEMENTS.split(" ").map((name) => element(name, "", canary(name))),
    ...TEXT_ATTRIBUTES.split(" ").flatMap((name) =>
      ["div", "img", "a", "meta", "option", "custom-element", "svg:g"].map((tag) =>
        element(tag, `${name}="${canary(`${tag}${name}`)} words"`, ""),
      ),
    ),
    ...URL_ATTRIBUTES.split(" ").flatMap((name) =>
      ["img", "a", "form", "object", "video", "svg:image", "x-link"].map((tag) =>
        element(tag, `${name}="${url(`${tag}${name}`)}"`, ""),
      ),
    ),
    ...INPUT_TYPES.split(" ").map((type) => `<input type="${type}" value="${canary(type)}">`),
    `<a href="mailto:${canary("mailto")}@x.example">m</a><a href="data:text/html,${canary("dataurl")}">d</a>`,
    `<a href="javascript:void('${canary("javascript")}')">j</a>`,
    `<!-- ${canary("comment")} --><script type="text/plain">${canary("script")}</script>`,
    `<template>${canary("template")}</template><iframe srcdoc="<p title='${canary("frametitle")}'>${canary("frametext")}</p>"></iframe>`,
    `<select><optgroup label="${canary("optgroup")}"><option value="${canary("optionvalue")}" selected>${canary("selected")}</option></optgroup></select>`,
    `<div contenteditable>${canary("editable")}</div><textarea>${canary("area")}</textarea>`,
    `<style>p::before { content: "${canary("csscontent")}"; --who: "${canary("cssproperty")}"; background: url("https://x.example/?q=${canary("cssquery")}") }</style>`,
    `<p style='--who: "${canary("styleproperty")}"; background: url(https://x.example/?q=${canary("styleurl")})'>s</p>`,
    `<meter value="0.5" title="${canary("meter")}">${canary("metertext")}</meter><div id="host"></div><div id="later"></div>`,
    `<table summary="${canary("summary")}"><tr><td abbr="${canary("abbr")}">${canary("cell")}</td></tr></table>`,
    `<div data-private>${canary("private")}<img alt="${canary("privatealt")}"></div>`,
    `<div data-record-safe><p class="rr-mask">${canary("masked")}</p><div class="ph-no-capture">${canary("blocked")}</div>SHOWN-TEXT</div>`,
  ].join("\n");
}

test("secrets in every place a page has: not one leaves", async () => {
  site.options = "";
  const { all, canary } = canaries();
  site.pages.set("/secrets", body(canary));
  const page = await open(
    `/secrets?q=${canary("pagequery")}&mail=${canary("pagemail")}#${canary("pagehash")}`,
  );
  await recording(page);
  await flush(page);
  // And now the same while it is being watched.
  const later = {
    html: body((where) => canary(`later${where}`)),
    shadow: `<p title="${canary("shadowtitle")}">${canary("shadowtext")}</p>${canary("shadowbare")}`,
    names: TEXT_ATTRIBUTES.split(" ").filter((name) => !/^on/.test(name)),
    links: URL_ATTRIBUTES.split(" ").filter((name) => !/:/.test(name)),
    value: canary("attribute"),
    text: canary("changed"),
    css: `p::after { content: "${canary("rule")}" }`,
    words: Array.from({ length: 12 }, (_, i) => canary(`word${i}`)),
  };
  await page.evaluate((given) => {
    const at = (id: string) => document.getElementById(id) as HTMLElement;
    const word = () => given.words.pop() ?? "";
    document.title = word();
    at("later").innerHTML = given.html;
    at("host").attachShadow({ mode: "open" }).innerHTML = given.shadow;
    for (const name of given.names) at("host").setAttribute(name, `${given.value} ${name}`);
    for (const name of given.links) at("host").setAttribute(name, `/x?q=${given.value}`);
    at("later").append(given.text);
    (at("later").lastChild as Text).data = word();
    at("host").style.setProperty("--who", `"${word()}"`);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(given.css);
    document.adoptedStyleSheets = [sheet];
    sheet.insertRule(`q::before { content: "${word()}" }`);
    document.styleSheets[0]?.insertRule(`q::before { content: "${word()}" }`);
    history.pushState(null, "", `?token=${word()}#${word()}`);
    console.log("a developer's words", word(), { key: word() }, [word()]);
    const shadow = at("host").shadowRoot as ShadowRoot;
    (shadow.lastChild as Text).data = word();
    const frame = document.createElement("iframe");
    at("later").append(frame);
    frame.contentDocument?.body.append(word());
  }, later);
  const fields = await page.locator("input, textarea").all();
  for (const field of fields) {
    if (await field.isEditable().catch(() => false))
      await field.pressSequentially(canary("typed"), { timeout: 200 }).catch(() => {});
  }
  await page.locator("[contenteditable]").first().pressSequentially(canary("typededitable"));
  await page.locator("p").first().click({ force: true });
  await page.evaluate(() => fetch(`/x?q=${"CANARY"}request`).catch(() => {}));
  await flush(page);
  await page.goto("about:blank");
  await edge.until("the last upload", () => edge.payloads("tapedeck.vital").length > 0);
  const everything = edge.uploads.map(({ ndjson, header }) => ndjson + JSON.stringify(header));
  const text = everything.join("\n");
  expect(all.size).toBeGreaterThan(500);
  expect(text).toContain("SHOWN-TEXT");
  expect([...new Set(text.match(/.{0,60}CANARY\w*/gi))]).toEqual([]);
});

test("what is marked as safe is shown, but never what may be a secret whatever it is marked as", async () => {
  site.options = "";
  const { canary } = canaries();
  const never = [
    'type="password"',
    'type="email"',
    'type="tel"',
    'autocomplete="cc-number"',
    'autocomplete="name"',
    'name="cardNumber"',
    'id="otp"',
    'placeholder="E-mail"',
    'aria-label="Password"',
    'inputmode="tel"',
  ];
  site.pages.set(
    "/safe",
    `<div data-record-safe><p title="SHOWN-TITLE">SHOWN-TEXT</p><input id="free">
      ${never.map((attribute) => `<input class="never" ${attribute}>`).join("")}
      <label>Card <input class="never"></label><input id="turns" type="password">
      <p class="sentry-mask">${canary("mask")}</p></div><p>${canary("outside")}</p>`,
  );
  const page = await open("/safe");
  await recording(page);
  await page.locator("#free").pressSequentially("SHOWN-INPUT");
  for (const field of await page.locator(".never").all())
    await field.pressSequentially(canary("never"));
  await page.locator("#turns").pressSequentially(canary("turns"));
  await page.evaluate(() => document.getElementById("turns")?.setAttribute("type", "text"));
  await page.locator("#turns").pressSequentially(canary("turned"));
  await flush(page);
  const text = edge.uploads.map(({ ndjson }) => ndjson).join("\n");
  for (const shown of ["SHOWN-TITLE", "SHOWN-TEXT", "SHOWN-INPUT"]) expect(text).toContain(shown);
  expect(text.match(/.{0,60}CANARY\w*/g)).toBeNull();
});

const stored = () => [...Object.keys(localStorage), ...Object.keys(sessionStorage)];

test("without consent nothing is requested or stored; a refusal ends it and stays", async () => {
  site.options = 'data-mask-text="false" data-consent="required"';
  const page = await open();
  await expect.poll(() => state(page)).toBe("idle");
  expect(await page.evaluate(stored)).toEqual([]);
  await page.evaluate(() => {
    Tapedeck.identify("u-1");
    Tapedeck.setConsent(true);
  });
  await recording(page);
  await flush(page);
  expect(edge.payloads("tapedeck.identify")).toEqual([{ user: "u-1", traits: {} }]);
  expect(edge.uploads[0]?.header).toMatchObject({ consent: true });
  const before = edge.uploads.length;
  await page.evaluate(() => {
    Tapedeck.track("last words");
    Tapedeck.setConsent(false);
  });
  expect(await page.evaluate(stored)).toEqual(["tapedeck.optout"]);
  await page.reload();
  await expect.poll(() => state(page)).toBe("idle");
  site.options = 'data-mask-text="false"';
  await page.reload();
  await expect.poll(() => state(page)).toBe("idle");
  expect(edge.uploads).toHaveLength(before);
  await page.evaluate(() => Tapedeck.setConsent(true));
  await recording(page);
});

test("Global Privacy Control is a refusal that only the visitor's own word outweighs", async () => {
  await context.addInitScript(() => {
    Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
  });
  const page = await open();
  await expect.poll(() => state(page)).toBe("idle");
  expect(await page.evaluate(stored)).toEqual([]);
  await page.evaluate(() => Tapedeck.setConsent(true));
  await recording(page);
});

test("excluded pages are not observed, whether loaded or gone to", async () => {
  site.options = 'data-mask-text="false" data-excluded-pages="/account/*, /exact"';
  edge.config = () => projectConfig({ flushMs: 60_000 });
  site.pages.set("/account/me", "<p>CANARY</p>");
  const loaded = await open("/account/me");
  await expect.poll(() => state(loaded)).toBe("idle");
  const page = await open();
  await recording(page);
  await page.evaluate(() => {
    history.pushState(null, "", "/account/orders");
    document.body.append("CANARY");
    Tapedeck.track("CANARY");
  });
  await expect.poll(() => state(page)).toBe("paused");
  await page.evaluate(() => {
    document.body.textContent = "Welcome back";
    history.pushState(null, "", "/exactly");
  });
  await recording(page);
  await flush(page);
  const text = edge.uploads.map(({ ndjson }) => ndjson).join("\n");
  expect(text).toContain("Welcome back");
  expect(text).not.toMatch(/CANARY|account/);
});
