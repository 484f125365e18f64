import type { eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { sanitise } from "./sanitise.ts";

interface Element {
  type: number;
  tagName: string;
  attributes: Record<string, unknown>;
  childNodes: unknown[];
  id: number;
}

let lastId = 1;

function element(
  tagName: string,
  attributes: Record<string, unknown>,
  ...childNodes: unknown[]
): Element {
  return { type: 2, tagName, attributes, childNodes, id: ++lastId };
}

function snapshot(...childNodes: unknown[]): eventWithTime {
  return {
    type: 2,
    timestamp: 1,
    data: { node: { type: 0, childNodes, id: 1 }, initialOffset: {} },
  } as unknown as eventWithTime;
}

/** What is left of an element's attributes in a snapshot. */
function left(tagName: string, attributes: Record<string, unknown>): Record<string, unknown> {
  const node = element(tagName, { ...attributes });
  expect(sanitise(snapshot(element("body", {}, node)), [])).toBe(true);
  return node.attributes;
}

describe("attributes", () => {
  it.each([
    ["img", { onerror: "alert(1)" }],
    ["svg", { ONLOAD: "alert(1)" }],
    ["iframe", { srcdoc: "<script>alert(1)</script>" }],
    ["iframe", { src: "https://evil.example/" }],
    ["object", { data: "https://evil.example/" }],
    ["embed", { src: "https://evil.example/" }],
    ["script", { src: "https://evil.example/x.js" }],
    ["base", { href: "https://evil.example/" }],
    ["meta", { "http-equiv": "refresh" }],
    ["a", { href: "javascript:alert(1)" }],
    ["a", { href: " java\tscript:alert(1)" }],
    ["a", { "xlink:href": "JAVASCRIPT:alert(1)" }],
    ["a", { ping: "https://evil.example/" }],
    ["form", { action: "https://evil.example/" }],
    ["button", { formaction: "https://evil.example/" }],
    ["input", { autofocus: true }],
    ["video", { autoplay: true }],
    ["link", { rel: "preconnect" }],
    ["link", { rel: "DNS-prefetch" }],
    ["link", { rel: "modulepreload" }],
    ["link", { rel: "icon prefetch" }],
  ])("<%s %o> loses it", (tagName, attributes) => {
    expect(left(tagName, attributes)).toEqual({});
  });

  it.each([
    ["a", { href: "https://shop.example/", class: "on", target: "_blank" }],
    [
      "img",
      { src: "data:image/gif;base64,R0lGODlhAQABAAAAACw=", alt: "javascript: the good parts" },
    ],
    ["link", { rel: "stylesheet", _cssText: "a{}" }],
    ["use", { "xlink:href": "#icon" }],
  ])("<%s %o> keeps its own", (tagName, attributes) => {
    expect(left(tagName, attributes)).toEqual(attributes);
  });

  it("are looked at in changes, too", () => {
    const added = element("img", { onerror: "alert(1)", alt: "a" });
    const changed = { id: 5, attributes: { onclick: "alert(1)", title: "b" } };
    const event = {
      type: 3,
      timestamp: 1,
      data: { source: 0, adds: [{ node: added }], attributes: [changed] },
    };
    expect(sanitise(event as unknown as eventWithTime, [])).toBe(true);
    expect(added.attributes).toEqual({ alt: "a" });
    expect(changed.attributes).toEqual({ title: "b" });
    expect(event.data).toMatchObject({ removes: [], texts: [] });
  });
});

describe("trees", () => {
  it("are cut where no parser would go deeper", () => {
    let node = element("div", {});
    for (let i = 0; i < 5000; i++) node = element("div", {}, node);
    const event = snapshot(node);
    expect(sanitise(event, [])).toBe(true);
    let depth = 0;
    for (let at: unknown = (event.data as { node: unknown }).node; at !== undefined; depth++) {
      at = (at as Element).childNodes[0];
    }
    expect(depth).toBe(513);
  });

  it("of millions of nodes are not shown", () => {
    const body = element("body", {});
    body.childNodes = Array.from({ length: 500_001 }, (_, index) => ({
      type: 3,
      textContent: "",
      id: 1e6 + index,
    }));
    expect(sanitise(snapshot(body), [])).toBe(false);
  });

  it("that are none are not shown", () => {
    const tree = element("body", {});
    tree.childNodes = [
      { type: 2, attributes: {}, childNodes: [], id: 4 },
      { type: 9, id: 5 },
      { type: 3, textContent: "x" },
    ];
    expect(sanitise(snapshot(tree), [])).toBe(true);
    expect(tree.childNodes).toEqual([]);
    const event = { type: 3, timestamp: 1, data: { source: 0, adds: [{ node: null }] } };
    // A change that is none is left out; the others are applied.
    expect(sanitise(event as unknown as eventWithTime, [])).toBe(true);
    expect(event.data.adds).toEqual([]);
  });
});
