import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { inject } from "vitest";
import { KEY } from "./edge.js";

/** Pages by path, as HTML of their body, on an origin of their own; each embeds the script-tag build. */
export class Site {
  /** Of the script tag, besides where to upload. */
  options = "";
  /** What was asked for. */
  requests: IncomingMessage[] = [];
  /** Whole documents by path, which embed what they like. */
  readonly documents = new Map<string, string>();
  /** Headers of every page. */
  headers: Record<string, string> = {};

  private constructor(
    private readonly server: Server,
    readonly pages: Map<string, string>,
  ) {}

  static async start(edge: string): Promise<Site> {
    const scripts = new Map(Object.entries(inject("scripts")));
    const pages = new Map<string, string>();
    const server = createServer();
    const site = new Site(server, pages);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      site.requests.push(request);
      const path = new URL(request.url ?? "/", "http://site").pathname;
      const page = pages.get(path);
      const found =
        scripts.get(path.slice(1)) ??
        site.documents.get(path) ??
        (page === undefined ? undefined : html(page, edge, site.options));
      response.writeHead(found === undefined ? 404 : 200, {
        "Content-Type": path.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8",
        // As some sites ask: then a request without a policy of its own would tell the whole URL.
        "Referrer-Policy": "unsafe-url",
        "Set-Cookie": "visitor=1",
        // For pages of other origins that embed the recorder from here.
        ...(path.endsWith(".js") && { "Access-Control-Allow-Origin": "*" }),
        ...(page !== undefined && site.headers),
      });
      response.end(found);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return site;
  }

  reset(): void {
    this.pages.clear();
    this.documents.clear();
    this.pages.set("/", "<h1>Welcome</h1>");
    this.options = 'data-mask-text="false"';
    this.headers = {};
    this.requests = [];
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

function html(body: string, edge: string, options: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<script src="/tapedeck.js" data-key="${KEY}" data-edge="${edge}" data-release="r1" data-environment="test" ${options}></script>
</head><body>${body}</body></html>`;
}
