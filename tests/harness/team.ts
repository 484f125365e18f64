import type { Bucket } from "./bucket.ts";
import { makeProject, type Project, sha256 } from "./project.ts";

/** Tokens by role. */
export type Tokens = Record<"viewer" | "support" | "admin", string>;

/** A project with somebody in each role. */
export async function makeTeam(
  bucket: Bucket,
  changes: object = {},
): Promise<{ project: Project; tokens: Tokens }> {
  const draw = (role: string) => `vt_${role}_${crypto.randomUUID()}`;
  const tokens = { viewer: draw("viewer"), support: draw("support"), admin: draw("admin") };
  const viewers = Object.entries(tokens).map(([role, token]) => ({
    name: `the ${role}`,
    sha256: sha256(token),
    role,
  }));
  const project = await makeProject(bucket, { viewers, ...changes });
  return { project: { ...project, token: tokens.viewer }, tokens };
}
