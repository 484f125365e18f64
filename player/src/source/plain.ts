import type { PlainLink } from "../route.ts";
import { urlRanges } from "./ranges.ts";
import type { Source } from "./source.ts";
import { TapeSource } from "./tape.ts";
import { UrlSource } from "./urls.ts";

/** The source behind a link that needs no edge. */
export function plainSource(from: PlainLink["from"]): Source {
  if (!("tape" in from)) return new UrlSource(from.manifest, from.chunks);
  const { tape } = from;
  return new TapeSource(urlRanges(async () => tape, "the tape"));
}
