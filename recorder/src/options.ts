/** What a page says when it embeds the recorder. */
export interface Options {
  /** Origin of the edge, such as `https://replay.example.com`. */
  readonly edge: string;
  /** The project key, `pk_…`. It is public. */
  readonly key: string;
  /** Version of the site, such as a commit. */
  readonly release?: string;
  /** Such as `production`. */
  readonly environment?: string;
  /** Where the player is, for links to sessions. */
  readonly player?: string;
  /** Whether the page's text is recorded as `*`, and so are its attributes that hold text. True unless it is false. */
  readonly maskText?: boolean;
  /** Query parameters whose values are recorded in URLs. */
  readonly queryAllow?: readonly string[];
  /** Paths that are never observed, such as `/account` or `/account/*`: `*` stands for any run of characters. */
  readonly excludedPages?: readonly string[];
  /** `required`: nothing is recorded or stored until `setConsent(true)`. */
  readonly consent?: "required";
  /** Whether a session that is not sampled is held in memory for a minute, and kept when an error happens. */
  readonly errorBuffer?: boolean;
  /** Segments that the visitor is in, at most 8. */
  readonly segments?: readonly string[];
  /** Origins besides the page's own whose requests carry the session and a trace id. */
  readonly traceOrigins?: readonly string[];
  /** A domain whose hosts share the session, by a cookie in place of `localStorage`: `shop.example` for `shop.example` and `*.shop.example`. */
  readonly sharedDomain?: string;
  /** Whether canvases are recorded, as pictures twice a second. */
  readonly canvas?: boolean;
  /** Whether frames of other origins are recorded; their pages must embed the recorder with the same option. */
  readonly crossOriginFrames?: boolean;
  /** Whether uploads are compressed in a worker, where the page's policy lets one start. True unless it is false. */
  readonly worker?: boolean;
}

/** The options with the edge's URL in its plain form. Throws a `TypeError` that says what is wrong with them. */
export function checkOptions(options: Options): Options {
  const { key, edge } = options;
  if (!/^pk_[0-9A-Za-z]{22}$/.test(key)) throw new TypeError(`key is ${key}, expected pk_…`);
  if (!/^https?:\/\/[^/?#]+\/*$/.test(edge))
    throw new TypeError(`edge is ${edge}, expected an origin`);
  return { ...options, edge: edge.replace(/\/+$/, "") };
}

/** Whether the text fits one of the patterns, in which `*` stands for any run of characters. */
export function fitsAny(patterns: readonly string[] | undefined, text: string): boolean {
  return (patterns ?? []).some((pattern) => {
    const plain = pattern.replace(/[^\w*]/g, "\\$&").replace(/\*/g, ".*");
    return new RegExp(`^${plain}$`, "s").test(text);
  });
}
