import fc from "fast-check";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { describe, expect, it } from "vitest";
import { codeBlock, inlineCode } from "./markdown.ts";

/** What GitHub's dialect makes of it, with raw HTML let through. */
function html(markdown: string): string {
  return micromark(markdown, {
    allowDangerousHtml: true,
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
  });
}

function decoded(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
}

/** What may be another character, or none. */
const LEFT_OUT = /[\s\p{Cc}\p{Bidi_Control}\ufffd]/gu;

/** Text that would be something in Markdown or HTML, in any mixture. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."`*_~#>-+|!\\\"'\t\n\r",
        ..."\u0000\u000b\u0085\u00a0\u2028\u202e",
        ...["``", "```", "~~~", "</code>", "<script>", "<img src=x onerror=1>", "<!--", "]]>"],
        ...["[a](javascript:1)", "![x](http://a.example)", "http://a.example", "www.a.example"],
        ...[
          "@team",
          "#12",
          "&lt;",
          "&#96;",
          "$x$",
          "[^1]",
          "| a |",
          "- [ ] ",
          "\n\n",
          "\n---\n",
          "    ",
        ],
      ),
      fc.string({ unit: "binary", maxLength: 5 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));

describe("inlineCode", () => {
  it("stays one code span with the text in it, in a line and in a list", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const [before, open, close] of [
          ["Clicked ", "<p>Clicked ", "</p>"],
          ["- −1.0 s: Clicked ", "<ul>\n<li>−1.0 s: Clicked ", "</li>\n</ul>"],
          ["## ", "<h2>", "</h2>"],
        ] as const) {
          const made = html(before + inlineCode(text));
          if (inlineCode(text) === "(empty)") continue;
          expect(made.startsWith(`${open}<code>`)).toBe(true);
          expect(made.endsWith(`</code>${close}`)).toBe(true);
          const inner = made.slice(open.length + 6, made.length - close.length - 7);
          expect(inner).not.toMatch(/[<>]/);
          const shown = decoded(inner);
          expect(shown.replace(LEFT_OUT, "")).toBe(text.replace(LEFT_OUT, ""));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("cuts what is long, and says so", () => {
    expect(inlineCode("abcdef", 3)).toBe("` abc… `");
    expect(inlineCode(" \n")).toBe("(empty)");
    expect(inlineCode("a`b")).toBe("`` a`b ``");
  });
});

describe("codeBlock", () => {
  it("stays one block with the text in it", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const made = html(`before\n\n${codeBlock(text)}\n\nafter`);
        const block = /^<p>before<\/p>\n<pre><code>([^<>]*)<\/code><\/pre>\n<p>after<\/p>$/.exec(
          made,
        );
        expect(block).not.toBeNull();
      }),
      { numRuns: 500 },
    );
  });
});
