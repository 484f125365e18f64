// The same checks as the edge's `POST /v1/batches`, written as one writes a Worker in JavaScript: DecompressionStream, JSON.parse, regular
// expressions, crypto.subtle. It is what the Worker in Rust is measured against, and is nowhere deployed.
// @ts-check

const LIMITS = {
  compressed: 2 * 1024 * 1024,
  inflated: 16 * 1024 * 1024,
  ratio: 200,
  events: 10_000,
  session_ms: 3_600_000,
};
const HEADER_BYTES_MAX = 4096;
const CLOCK_SLACK_MS = 5 * 60_000;
const EVENT_SLACK_MS = 10 * 60_000;
const DEPTH_MAX = 4096;
const CONFIG_LIFE_MS = 60_000;

const utf8 = new TextEncoder();
const configs = new Map();

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/health") return reply(200, { status: "ok" });
    if (request.method !== "POST" || url.pathname !== "/v1/batches")
      return reply(404, { error: "not_found" });
    try {
      const answer = await receive(request, url, env);
      console.log(JSON.stringify({ route: "batches", status: answer.status }));
      return answer;
    } catch (error) {
      if (error instanceof Refusal) return reply(error.status, { error: error.message });
      return reply(503, { error: "unavailable", retry_after_s: 5, detail: String(error) });
    }
  },
};

class Refusal extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
  }
}

function reply(status, body) {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "access-control-allow-origin": "*",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "content-type": "application/json",
      "cross-origin-resource-policy": "cross-origin",
      "referrer-policy": "no-referrer",
      "strict-transport-security": "max-age=31536000",
      "x-content-type-options": "nosniff",
    },
  });
}

async function receive(request, url, env) {
  const body_max = LIMITS.compressed + HEADER_BYTES_MAX + 1;
  if (Number(request.headers.get("content-length") ?? 0) > body_max)
    throw new Refusal(413, "too_large");
  const config = await configOf(url.searchParams.get("key") ?? "", env);
  if (config === undefined) throw new Refusal(401, "unknown_key");
  const body = await read(request.body, body_max);

  const origin = request.headers.get("origin");
  if (!config.origins.some((pattern) => allows(pattern, origin))) throw new Refusal(403, "origin");
  const end = body.subarray(0, HEADER_BYTES_MAX + 1).indexOf(10);
  if (end < 0) throw new Refusal(400, "header");
  const header = parseHeader(body.subarray(0, end));
  const batch = body.subarray(end + 1);
  if (batch.length > LIMITS.compressed) throw new Refusal(413, "too_large");

  const key = Uint8Array.from(atob(header.upload.replace(/-/g, "+").replace(/_/g, "/")), (c) =>
    c.charCodeAt(0),
  );
  const start_ms = new DataView(key.buffer).getUint32(0) * 1000;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", key));
  const session = hex(key.subarray(0, 4)) + hex(digest.subarray(0, 12));
  if (header.sent < start_ms - CLOCK_SLACK_MS) throw new Refusal(400, "clock");
  if (header.sent - start_ms > LIMITS.session_ms)
    return reply(200, { outcome: "dropped", reason: "session_too_long" });
  if (header.consent === false) return reply(200, { outcome: "dropped", reason: "consent" });
  const fraction = Number.parseInt(session.slice(8, 20), 16) / 2 ** 48;
  const rates =
    config.sampling.findLast(({ from_ms }) => from_ms <= start_ms) ?? config.sampling[0];
  if (!(fraction < (rates[header.reason] ?? 1)))
    return reply(200, { outcome: "dropped", reason: "not_sampled" });

  const gzipped = batch[0] === 0x1f && batch[1] === 0x8b;
  const inflated = gzipped ? await inflate(batch) : batch;
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(inflated);
  } catch {
    throw new Refusal(400, "utf8");
  }
  checkEvents(text, start_ms, header.sent);
  const hash = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", inflated))).slice(0, 8);
  const scrubbed = scrub(text);
  let stored = batch;
  if (scrubbed !== text || !gzipped) stored = await gzip(utf8.encode(scrubbed));

  const shard = hex(
    new Uint8Array(
      await crypto.subtle.digest("SHA-256", utf8.encode(`${config.project}/${session}`)),
    ),
  ).slice(0, 2);
  const name = `${header.page}-${String(header.seq).padStart(5, "0")}-${hash}`;
  const path = `chunks/${config.project}/${shard}/${session}/${name}.ndjson.gz`;
  const checksum = await crypto.subtle.digest("SHA-256", stored);
  const headers = {
    "content-type": "application/gzip",
    "if-none-match": "*",
    "x-amz-checksum-sha256": btoa(String.fromCharCode(...new Uint8Array(checksum))),
    "x-amz-meta-edge": "js",
    "x-amz-meta-reason": header.reason,
    "x-amz-meta-received-ms": String(Date.now()),
    "x-amz-meta-sdk": header.sdk ?? "",
    "x-amz-meta-sent-ms": String(header.sent),
  };
  const put = await fetch(await presign(env, "PUT", path, headers), {
    method: "PUT",
    headers,
    body: stored,
  });
  await put.arrayBuffer();
  if (put.status === 412) return reply(200, { outcome: "duplicate" });
  if (put.status !== 200 || !put.headers.has("etag")) throw new Error(`store says ${put.status}`);
  return reply(200, { outcome: "stored" });
}

async function read(stream, max) {
  if (stream === null) return new Uint8Array();
  const pieces = [];
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > max) throw new Refusal(413, "too_large");
    pieces.push(piece);
  }
  return join(pieces, length);
}

function join(pieces, length) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function inflate(batch) {
  const pieces = [];
  let length = 0;
  try {
    for await (const piece of new Blob([batch])
      .stream()
      .pipeThrough(new DecompressionStream("gzip"))) {
      length += piece.length;
      if (length > LIMITS.inflated) throw new Refusal(413, "too_large");
      if (length > 1024 * 1024 && length / LIMITS.ratio > batch.length)
        throw new Refusal(400, "ratio");
      pieces.push(piece);
    }
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(400, "gzip");
  }
  return join(pieces, length);
}

async function gzip(bytes) {
  return new Uint8Array(
    await new Response(
      new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip")),
    ).arrayBuffer(),
  );
}

function parseHeader(bytes) {
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Refusal(400, "header");
  }
  const { upload, page, seq, reason, sent, segments = [] } = header;
  const valid =
    /^[\w-]{22}$/.test(upload) &&
    /^[0-9A-Za-z]{8}$/.test(page) &&
    Number.isInteger(seq) &&
    seq >= 0 &&
    seq <= 99_999 &&
    ["all", "error", "support", "segment", "manual"].includes(reason) &&
    Number.isInteger(sent) &&
    Array.isArray(segments) &&
    segments.length <= 8;
  if (!valid) throw new Refusal(400, "header");
  return header;
}

function checkEvents(text, start_ms, sent_ms) {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length === 0) throw new Refusal(400, "empty");
  if (lines.length > LIMITS.events) throw new Refusal(413, "too_large");
  for (const line of lines) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      throw new Refusal(400, "event");
    }
    const { type, timestamp } = event ?? {};
    if (!Number.isInteger(type) || type < 0 || type > 255 || typeof timestamp !== "number")
      throw new Refusal(400, "event");
    if (line.length > DEPTH_MAX && isTooDeep(line)) throw new Refusal(400, "event");
    if (timestamp < start_ms - EVENT_SLACK_MS || timestamp > sent_ms + EVENT_SLACK_MS)
      throw new Refusal(400, "event_time");
  }
}

function isTooDeep(line) {
  if ((line.match(/[[{]/g)?.length ?? 0) <= DEPTH_MAX) return false;
  let depth = 0;
  for (const [sign] of line.replace(/"(?:[^"\\]|\\.)*"/g, "").matchAll(/[[\]{}]/g)) {
    depth += sign === "{" || sign === "[" ? 1 : -1;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}

// One expression for everything: faster than one after the other. What it finds is looked at more closely.
const SUSPECT = new RegExp(
  [
    String.raw`(?<card>\b\d(?:[ .-]?\d){12,18}\b)`,
    String.raw`(?<iban>\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b)`,
    String.raw`(?<ssn>\b(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b)`,
    String.raw`(?<email>[\w.%+'-]{1,64}@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})`,
    String.raw`(?<jwt>\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)`,
    String.raw`(?<bearer>\b[Bb]earer +[\w.~+/-]{12,}=*)`,
    String.raw`(?<api_key>\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{36,255}|github_pat_\w{22,255}|glpat-[\w-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|[sr]k_(?:live|test)_\w{16,}|AIza[\w-]{35}|sk-[\w-]{32,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{36}|hf_\w{30,}))`,
    '(?<private_key>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^"]*)',
    String.raw`(?<=[?&#;](?:access_token|api[-_]?key|auth|auth_token|authorization|client_secret|email|id_token|jwt|mail|otp|pass|passwd|password|pwd|refresh_token|secret|session_token|sig|signature|ssn|ticket|token|x-amz-signature)=)(?<query>[^\s&#"'<>);]+)`,
  ].join("|"),
  "g",
);

function scrub(text) {
  // An escape of what needs none hides something: such lines are decoded and encoded anew.
  const plain = /\\u00[2-7aA]|\\\//.test(text)
    ? text.replace(/\\u00([2-7][0-9a-fA-F])/g, (all, code) =>
        /22|5[cC]/.test(code) ? all : String.fromCharCode(Number.parseInt(code, 16)),
      )
    : text;
  return plain.replace(SUSPECT, (found, ...rest) => {
    const groups = rest.at(-1);
    if (groups.card !== undefined && !isCard(found)) return found;
    if (groups.iban !== undefined && !isIban(found)) return found;
    return "*".repeat(found.length);
  });
}

function isCard(text) {
  const digits = text.replace(/\D/g, "");
  if (!/^(?:4|5[1-5]|2[2-7]|3[0-9]|6)/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]) * (i % 2 === 0 ? 1 : 2);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
}

function isIban(text) {
  const signs = text.replace(/ /g, "");
  let rest = 0;
  for (const sign of signs.slice(4) + signs.slice(0, 4)) {
    const value = Number.parseInt(sign, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

function allows(pattern, origin) {
  if (pattern === "*") return true;
  if (origin === null) return false;
  const expression = pattern
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/:\*$/, "(?::\\d+)?")
    .replace(/\*/g, "[^.]+");
  return new RegExp(`^${expression}$`).test(origin);
}

async function configOf(key, env) {
  if (!/^pk_[0-9A-Za-z]{22}$/.test(key)) return undefined;
  const known = configs.get(key);
  if (known !== undefined && Date.now() - known.read_ms < CONFIG_LIFE_MS) return known.config;
  const named = await object(env, `config/keys/${key}.json`);
  const config = await object(env, `config/projects/${named.project}.json`);
  configs.set(key, { config, read_ms: Date.now() });
  return config.keys.includes(key) ? config : undefined;
}

async function object(env, path) {
  const response = await fetch(await presign(env, "GET", path, {}));
  if (!response.ok) throw new Error(`store says ${response.status}`);
  return response.json();
}

// AWS Signature Version 4 in the query.
let signing;

async function presign(env, method, path, headers) {
  const url = new URL(`${env.CONFIG_ENDPOINT}/${env.CONFIG_BUCKET}/${path}`);
  const stamp = new Date().toISOString().replace(/[:-]|\.\d{3}/g, "");
  const day = stamp.slice(0, 8);
  const scope = `${day}/${env.CONFIG_REGION}/s3/aws4_request`;
  const signed = { ...headers, host: url.host };
  const names = Object.keys(signed).sort();
  const query = new URLSearchParams({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${env.S3_ACCESS_KEY_ID}/${scope}`,
    "X-Amz-Date": stamp,
    "X-Amz-Expires": "900",
    "X-Amz-SignedHeaders": names.join(";"),
  }).toString();
  const canonical = [
    method,
    url.pathname,
    query,
    ...names.map((name) => `${name}:${signed[name]}`),
    "",
    names.join(";"),
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const hashed = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(canonical))));
  if (signing?.day !== day) {
    let key = utf8.encode(`AWS4${env.S3_SECRET_ACCESS_KEY}`);
    for (const part of [day, env.CONFIG_REGION, "s3", "aws4_request"]) key = await hmac(key, part);
    signing = { day, key };
  }
  const signature = hex(
    await hmac(signing.key, ["AWS4-HMAC-SHA256", stamp, scope, hashed].join("\n")),
  );
  return `${url.origin}${url.pathname}?${query}&X-Amz-Signature=${signature}`;
}

async function hmac(key, text) {
  const imported = await crypto.subtle.importKey(
    "raw",
    key,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, utf8.encode(text)));
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
