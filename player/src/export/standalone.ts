/** The entry of the file that plays by itself: it has a tape within, and no worker, since a policy without origins has no place for its script. */

import { mount } from "svelte";
import "../app.css";
import { decodeChunk, readIndex } from "../load/decode.ts";
import { fileWatched } from "../route.ts";
import { fileRanges } from "../source/ranges.ts";
import type { Packed } from "../source/source.ts";
import { TapeSource } from "../source/tape.ts";
import Standalone from "../ui/Standalone.svelte";
import { fromBase64 } from "./html.ts";

const element = document.getElementById("tape") as HTMLScriptElement;
const tape = new Blob([fromBase64(element.textContent ?? "")]);
element.remove();

mount(Standalone, {
  target: document.body,
  props: {
    link: fileWatched(),
    source: new TapeSource(fileRanges(tape)),
    decoder: () => ({
      decode: (packed: Packed) => decodeChunk(packed, []),
      index: (packed: Packed) => readIndex(packed),
      prepare() {},
      close() {},
    }),
  },
});
