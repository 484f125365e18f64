/** A session as one HTML file that plays by itself: a player, a tape, and a policy that lets neither ask the network for anything. */

/** The parts of the standalone player: dist/standalone/, built beside the player. */
export interface StandaloneParts {
  script: string;
  style: string;
}

/** The file. `tape` is all of a tape's bytes. */
export async function standaloneHtml(
  { script, style }: StandaloneParts,
  tape: ArrayBuffer,
  title: string,
): Promise<Blob> {
  // What would end the element is written so that it means the same to JavaScript.
  const safeScript = script.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "<\\!--");
  const safeStyle = style.replace(/<\/(style)/gi, "<\\/$1");
  const hash = base64(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(safeScript)));
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    "img-src data: blob:",
    "font-src data:",
    "media-src data: blob:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return new Blob(
    [
      `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${safeStyle}</style>
</head>
<body>
<script type="application/vnd.tapedeck.tape;base64" id="tape">`,
      base64(tape),
      `</script>
<script>${safeScript}</script>
</body>
</html>
`,
    ],
    { type: "text/html" },
  );
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** In pieces, since a call takes only so many arguments; each a multiple of three bytes, so that they join. */
const PIECE_BYTES = 3 * 8192;

export function base64(bytes: ArrayBuffer): string {
  const all = new Uint8Array(bytes);
  const pieces: string[] = [];
  for (let from = 0; from < all.length; from += PIECE_BYTES) {
    pieces.push(btoa(String.fromCharCode(...all.subarray(from, from + PIECE_BYTES))));
  }
  return pieces.join("");
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
