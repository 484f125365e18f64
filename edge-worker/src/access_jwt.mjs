// Assertions of Cloudflare Access, verified by `jose` with the platform's cryptography. What they allow, core decides.
// @ts-check
import { JOSEError } from "jose/errors";
import { createRemoteJWKSet } from "jose/jwks/remote";
import { jwtVerify } from "jose/jwt/verify";

/** Most teams whose keys are remembered. */
const TEAMS_MAX = 64;
/** Longest assertion that is looked at, in characters. */
const TOKEN_CHARS_MAX = 16_384;

/** @type {Map<string, ReturnType<typeof createRemoteJWKSet>>} */
const keys = new Map();

/** @param {string} team */
function keysOf(team) {
  let found = keys.get(team);
  if (found === undefined) {
    if (keys.size === TEAMS_MAX) keys.clear();
    found = createRemoteJWKSet(new URL("/cdn-cgi/access/certs", team), {
      timeoutDuration: 5_000,
      // A key that is not known is asked for, but not by every stranger who makes one up.
      cooldownDuration: 5_000,
      cacheMaxAge: 600_000,
    });
    keys.set(team, found);
  }
  return found;
}

/** What is wrong with the assertion, and not with the keys or the way to them. */
const REFUSED = new Set([
  "ERR_JOSE_ALG_NOT_ALLOWED",
  "ERR_JOSE_NOT_SUPPORTED",
  "ERR_JWKS_MULTIPLE_MATCHING_KEYS",
  "ERR_JWKS_NO_MATCHING_KEY",
  "ERR_JWS_INVALID",
  "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  "ERR_JWT_CLAIM_VALIDATION_FAILED",
  "ERR_JWT_EXPIRED",
  "ERR_JWT_INVALID",
]);

/**
 * The claims of an assertion as JSON; undefined if it is none of this team for this audience. Throws where the team's keys cannot be read.
 *
 * @param {string} assertion
 * @param {string} team
 * @param {string} audience
 * @returns {Promise<string | undefined>}
 */
export async function verify(assertion, team, audience) {
  if (assertion.length > TOKEN_CHARS_MAX) return undefined;
  try {
    const { payload } = await jwtVerify(assertion, keysOf(team), {
      algorithms: ["RS256"],
      audience,
      issuer: team,
      requiredClaims: ["exp"],
    });
    return JSON.stringify(payload);
  } catch (error) {
    if (error instanceof JOSEError && REFUSED.has(error.code)) return undefined;
    throw error;
  }
}
