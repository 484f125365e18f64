import { SourceError } from "../../source/source.ts";

/** Why an action failed, in a sentence for who tried it. */
export function problemOf(error: unknown): string {
  if (!(error instanceof SourceError))
    return error instanceof Error ? error.message : String(error);
  switch (error.kind) {
    case "forbidden":
      return `Your token may watch, but not do this: it needs one with the role support or admin. (${error.message})`;
    case "unauthorized":
      return "Your token has expired or was withdrawn. Enter another one and try again.";
    case "unavailable":
    case "unreachable":
      return `The service cannot be reached at present: ${error.message}. Try again in a moment.`;
    default:
      return error.message;
  }
}
