/** Bytes that are no chunk, or a chunk beyond its limits. */
export class DecodeError extends Error {
  override name = "DecodeError";
}
