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
}

/** The options with the edge's URL in its plain form. Throws a `TypeError` that says what is wrong with them. */
export function checkOptions(options: Options): Options {
  if (!/^pk_[0-9A-Za-z]{22}$/.test(options.key)) {
    throw new TypeError(
      `key is ${JSON.stringify(options.key)}, expected pk_ and 22 letters or digits`,
    );
  }
  if (!isHttp(options.edge)) {
    throw new TypeError(`edge is ${JSON.stringify(options.edge)}, expected an http or https URL`);
  }
  return { ...options, edge: options.edge.replace(/\/+$/, "") };
}

function isHttp(url: string): boolean {
  try {
    return /^https?:$/.test(new URL(url).protocol);
  } catch {
    return false;
  }
}
