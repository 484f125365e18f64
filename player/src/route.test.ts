import { describe, expect, it } from "vitest";
import { parsePasted, parseRoute, sessionHash, startOf } from "./route.ts";

const session = "6553f100aabbccddeeff001122334455";

describe("parseRoute", () => {
  it.each(["", "#", "#/"])("%o is the first screen", (hash) => {
    expect(parseRoute(hash)).toEqual({ name: "start" });
  });

  it("reads a link", () => {
    expect(parseRoute(`#/sessions/shop/${session}?token=a%2Bb&at=1700000000123`)).toEqual({
      name: "session",
      link: {
        project: "shop",
        session,
        at: 1_700_000_000_123,
        credential: { kind: "token", value: "a+b" },
      },
    });
    expect(parseRoute(`#/sessions/shop/${session}?at=end`)).toMatchObject({
      link: { at: "end", credential: null },
    });
    expect(parseRoute(`#/sessions/shop/${session}?at=soon`)).toMatchObject({
      link: { at: "start" },
    });
  });

  it("takes no edge from a link", () => {
    const route = parseRoute(`#/sessions/shop/${session}?edge=https://evil.example&token=t`);
    expect(JSON.stringify(route)).not.toContain("evil");
  });

  it.each([
    "#/sessions/shop",
    `#/sessions/Shop/${session}`,
    `#/sessions/shop/${session}0`,
    `#/sessions/shop/${session}/more`,
    "#/elsewhere",
  ])("%o leads nowhere", (hash) => {
    expect(parseRoute(hash).name).toBe("unknown");
  });
});

it("a written link is read as it was meant", () => {
  for (const at of ["start", "end", 1_700_000_000_123] as const) {
    const link = { project: "shop", session, at };
    expect(parseRoute(sessionHash(link))).toEqual({
      name: "session",
      link: { ...link, credential: null },
    });
  }
});

describe("parsePasted", () => {
  it("takes a link of any player", () => {
    const link = `https://replay.example/player/index.html#/sessions/shop/${session}?token=t`;
    expect(parsePasted(` ${link}\n`, "")).toEqual({
      project: "shop",
      session,
      at: "start",
      credential: { kind: "token", value: "t" },
    });
  });

  it("takes an id with a project", () => {
    expect(parsePasted(session.toUpperCase(), "shop")).toEqual({
      project: "shop",
      session,
      at: "start",
      credential: null,
    });
    expect(parsePasted(session, "")).toBeNull();
    expect(parsePasted("hello", "shop")).toBeNull();
  });
});

it("a session's id tells its start", () => {
  expect(startOf(session)).toBe(1_700_000_000_000);
});
