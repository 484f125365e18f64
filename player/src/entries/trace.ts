/** A trace id as any tracing tool writes it. */
const TRACE = /^[0-9A-Za-z-]{8,64}$/;

/** The page of a trace in the tracing tool whose address is `template`, with `{trace}` in the place of the id. Null: there is none. */
export function traceUrl(template: string | null, trace: string): string | null {
  if (template === null || !TRACE.test(trace)) return null;
  return template.replaceAll("{trace}", trace);
}

/** `value` as a template for {@link traceUrl}, or null if it is none: an http or https URL with `{trace}` in it. */
export function parseTraceTemplate(value: unknown): string | null {
  if (typeof value !== "string" || !value.includes("{trace}")) return null;
  const url = URL.parse(value);
  return url !== null && ["http:", "https:"].includes(url.protocol) ? value : null;
}
