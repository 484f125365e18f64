import type { StackHandle } from "../harness/stack.ts";
import { until } from "../harness/until.ts";

/** What tests look at in a manifest (spec/manifest.md). */
export interface Manifest {
  started_ms: number;
  ended_ms: number;
  counts: { chunks: number; bytes: number; errors?: number };
  pages: { page: string; opening?: { tab?: string } }[];
  gaps?: unknown[];
}

/** A session's manifest, as soon as it has every chunk that is stored, and is as `isWhole` wants it. */
export function manifestOf(
  { up }: StackHandle,
  session: string,
  isWhole: (manifest: Manifest) => boolean,
): Promise<Manifest> {
  return until("the whole manifest", async () => {
    const answer = await fetch(`${up.edge}/v1/projects/${up.project}/sessions/${session}`, {
      headers: { Authorization: `Bearer ${up.viewer_token}` },
    });
    if (!answer.ok) throw new Error(`the session call answers ${answer.status}`);
    const { manifest, newer } = (await answer.json()) as {
      manifest: Manifest | null;
      newer: unknown[];
    };
    return manifest !== null && newer.length === 0 && isWhole(manifest) ? manifest : undefined;
  });
}
