import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buildScript } from "../../build.js";
import { KEY } from "./edge.js";

/** Pages by path, as HTML of their body, on an origin of their own; each embeds the script-tag build. */
export class Site {
  private constructor(
    private readonly server: Server,
    readonly pages: Map<string, string>,
  ) {}

  static async start(edge: string): Promise<Site> {
    const scripts = await buildScript();
    const pages = new Map<string, string>();
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? "/", "http://site").pathname;
      const page = pages.get(path);
      const found =
        scripts.get(path.slice(1)) ?? (page === undefined ? undefined : html(page, edge));
      response.writeHead(found === undefined ? 404 : 200, {
        "Content-Type": path.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8",
        // As some sites ask: then a request without a policy of its own would tell the whole URL.
        "Referrer-Policy": "unsafe-url",
        "Set-Cookie": "visitor=1",
      });
      response.end(found);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Site(server, pages);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

function html(body: string, edge: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<script src="/tapedeck.js" data-key="${KEY}" data-edge="${edge}" data-release="r1" data-environment="test" data-mask-text="false"></script>
</head><body>${body}</body></html>`;
}
