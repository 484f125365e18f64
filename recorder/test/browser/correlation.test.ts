/** From a page's request to the backend's span and back. */
import type { AddressInfo } from "node:net";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { serve } from "../../../examples/backend/server.js";
import { SessionSpanProcessor } from "../../src/otel.js";
import { edge, open, recording, site, uploaded } from "./setup.js";

test("a backend's span has the session, and its trace is the recording's; other origins are told nothing", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const backends = [serve(provider.getTracer("named")), serve(provider.getTracer("stranger"))];
  await Promise.all(
    backends.map(
      (server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)),
    ),
  );
  const [named = "", stranger = ""] = backends.map(
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  );
  try {
    site.options = `data-mask-text="false" data-trace-origins="${named}"`;
    const page = await open();
    await recording(page);
    const answers = await page.evaluate(
      (urls) => Promise.all(urls.map((url) => fetch(url).then((answer) => answer.json()))),
      [`${named}/cart`, `${stranger}/ad`],
    );
    await uploaded(page, "both requests", () => edge.payloads("tapedeck.request").length === 2);
    const told = (url: string) =>
      edge.payloads("tapedeck.request").find((request) => request.url.startsWith(url));
    const spans = new Map(exporter.getFinishedSpans().map((span) => [span.name, span]));
    expect(spans.get("GET /cart")?.attributes).toEqual({ "session.id": edge.uploads[0]?.session });
    expect(told(named).trace).toBe(answers[0].trace);
    expect(spans.get("GET /ad")?.attributes).toEqual({});
    expect(told(stranger).trace).toBeUndefined();
  } finally {
    for (const server of backends) {
      server.close();
      server.closeAllConnections();
    }
  }
});

test("a page's own spans have the session, and none while there is none", () => {
  let session: string | undefined;
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [new SessionSpanProcessor(() => session), new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer("page");
  tracer.startSpan("before").end();
  session = "6553f100000000000000000000000000";
  tracer.startSpan("after").end();
  expect(exporter.getFinishedSpans().map(({ attributes }) => attributes)).toEqual([
    {},
    { "session.id": session },
  ]);
});
