/**
 * A backend that puts the recording's session on its spans: whoever reads a trace finds the visitor's session, and the recording's requests
 * name the trace.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { context, propagation, SpanKind, type Tracer, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";

propagation.setGlobalPropagator(new W3CTraceContextPropagator());

/** Handles each request in a span that goes on with the caller's trace and names the caller's session. */
export function serve(tracer: Tracer): Server {
  return createServer((request, response) => {
    const caller = propagation.extract(context.active(), request.headers);
    const name = `${request.method} ${request.url?.replace(/\?.*/s, "")}`;
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, caller);
    const session = sessionOf(request);
    if (session !== undefined) span.setAttribute("session.id", session);
    response.on("close", () => span.end());
    // Only for pages of another origin, whose browser asks first whether it may send these.
    response.setHeader("Access-Control-Allow-Origin", request.headers.origin ?? "*");
    response.setHeader("Access-Control-Allow-Headers", "traceparent, x-session-id, content-type");
    response.setHeader("Content-Type", "application/json");
    response.end(
      JSON.stringify({ trace: trace.getSpan(trace.setSpan(caller, span))?.spanContext().traceId }),
    );
  });
}

/** The header is the visitor's to write, so what is no session id is nobody's. */
function sessionOf({ headers }: IncomingMessage): string | undefined {
  const header = headers["x-session-id"];
  return typeof header === "string" && /^[0-9a-f]{32}$/.test(header) ? header : undefined;
}
