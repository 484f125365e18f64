import { SourceError } from "../source/source.ts";

/** What happened, and what a person can try, in words. */
export interface Failure {
  title: string;
  advice: string;
  /** Whether another token can help. */
  asksToken: boolean;
}

export function failureOf(error: Error | null): Failure {
  const kind = error instanceof SourceError ? error.kind : null;
  switch (kind) {
    case "unauthorized":
      return {
        title: "This link no longer opens the session",
        advice:
          "Its token has expired or was withdrawn, or it belongs to another project. Ask for a new link, or enter a token.",
        asksToken: true,
      };
    case "forbidden":
      return {
        title: "This is not for everyone",
        advice:
          "Who you are is known, and may not see this. Ask somebody with another role, or enter another token.",
        asksToken: true,
      };
    case "not_found":
      return {
        title: "There is no such session",
        advice:
          "It was never kept, for instance because it was not sampled, or its time of storage is over. Check the id, or try again if it was recorded just now.",
        asksToken: false,
      };
    case "request":
      return {
        title: "This link is not right",
        advice: "Check that it was copied whole.",
        asksToken: false,
      };
    case "unavailable":
      return {
        title: "The service is not available",
        advice: "It answers, but cannot help at present. Try again in a moment.",
        asksToken: false,
      };
    case "unreachable":
      return {
        title: "No answer",
        advice:
          "Check your network. If others have the same trouble, the edge's address may be wrong, or not allowed by the headers of this player.",
        asksToken: false,
      };
    case "unreadable":
      return {
        title: "The session cannot be read",
        advice: "It was answered in a form this player does not know. A newer player may.",
        asksToken: false,
      };
    case null:
      return {
        title: "The session cannot be played",
        advice: "Try to reload. If it happens again, the detail below helps to mend it.",
        asksToken: false,
      };
  }
}
