/** What a link to a session needs of the network, asked for while the application is still on its way. */

import { type Access, takeCredential } from "./access.ts";
import { type Decoder, workerDecoder } from "./load/decoder.ts";
import type { SessionLink } from "./route.ts";
import { AheadSource } from "./source/ahead.ts";
import { EdgeSource } from "./source/edge.ts";
import type { Credential } from "./source/edge-calls.ts";
import type { Source } from "./source/source.ts";

/** A session that was begun with. Each part is taken once: who opens the session again makes new ones. */
export interface Early {
  link: SessionLink;
  credential: Credential;
  source: Source;
  decoder: Decoder;
}

/** Begins to load what `link` leads to, if it can be asked for: with an edge, and a credential. */
export function beginEarly({ edge, assets }: Access, link: SessionLink): Early | null {
  const credential = edge === null ? null : takeCredential(edge, link);
  if (edge === null || credential === null) return null;
  const source = new EdgeSource({ edge, project: link.project, credential }, link.session);
  return {
    link,
    credential,
    source: new AheadSource(source, link.at),
    decoder: workerDecoder(assets),
  };
}
