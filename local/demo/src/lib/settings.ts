/** What the local stack writes to `/tapedeck.json`. */
export interface Settings {
  /** Where the recorder uploads to. */
  edge: string;
  project: string;
  project_key: string;
  /** Where the player is. */
  player: string;
  /** Lets its bearer watch the project's sessions. */
  viewer_token: string;
}

/** Returns the settings, or null when the value is something else. */
export function parseSettings(value: unknown): Settings | null {
  if (typeof value !== "object" || value === null) return null;
  const { edge, project, project_key, player, viewer_token } = value as Record<string, unknown>;
  if (
    typeof edge !== "string" ||
    typeof project !== "string" ||
    typeof project_key !== "string" ||
    typeof player !== "string" ||
    typeof viewer_token !== "string"
  )
    return null;
  return { edge, project, project_key, player, viewer_token };
}

/** Returns the player's address for a session. The token is in the fragment, which no server is sent. */
export function watchLink({ player, project, viewer_token }: Settings, session: string): string {
  const path = [project, session].map(encodeURIComponent).join("/");
  return `${player.replace(/\/$/, "")}/#/sessions/${path}?token=${encodeURIComponent(viewer_token)}`;
}
