/**
 * `<tapedeck-player src="{a link of the player}">`: an iframe with the embedded player, and its messages as methods and events. Nothing of the
 * player runs in the page around it; docs/embedding.md is the promise.
 */

import type { Command, Told } from "./messages.ts";

class TapedeckPlayer extends HTMLElement {
  static readonly observedAttributes = ["src"];

  readonly #frame = document.createElement("iframe");
  readonly #onmessage = (event: MessageEvent) => this.#receive(event);
  #origin: string | null = null;
  #waiting: Command[] = [];
  #ready = false;

  /** As of the latest message: `opening`, `loading`, `paused`, `playing`, `ended`, `failed`, … */
  state = "opening";
  /** Unix milliseconds. */
  timeMs = 0;
  startMs = 0;
  endMs = 0;

  constructor() {
    super();
    this.#frame.title = "Session replay";
    this.#frame.allow = "fullscreen; clipboard-write";
    this.#frame.referrerPolicy = "no-referrer";
    this.#frame.style.cssText = "display:block;width:100%;height:100%;border:0";
    const style = document.createElement("style");
    style.textContent = ":host{display:block;width:100%;aspect-ratio:16/10}";
    this.attachShadow({ mode: "closed" }).append(style, this.#frame);
  }

  connectedCallback(): void {
    addEventListener("message", this.#onmessage);
    this.#open();
  }

  disconnectedCallback(): void {
    removeEventListener("message", this.#onmessage);
    this.#ready = false;
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#open();
  }

  play(): void {
    this.#tell({ type: "play" });
  }

  pause(): void {
    this.#tell({ type: "pause" });
  }

  seek(timeMs: number): void {
    this.#tell({ type: "seek", time_ms: timeMs });
  }

  set speed(speed: number) {
    this.#tell({ type: "speed", speed });
  }

  /** The frame gets the link's fragment by message: an address with a grant in it would stand in the frame's history. */
  #open(): void {
    const src = this.getAttribute("src");
    const url = src === null ? null : URL.parse(src, document.baseURI);
    if (url === null || !/^https?:$/.test(url.protocol)) return;
    const load: Command = { type: "load", link: url.hash };
    const frame = new URL("embed.html", new URL(url.pathname, url.origin));
    if (this.#ready && this.#frame.src === frame.href) {
      this.#tell(load);
      return;
    }
    this.#origin = frame.origin;
    this.#ready = false;
    this.#waiting = [load];
    this.#frame.src = frame.href;
  }

  #tell(command: Command): void {
    if (!this.#ready || this.#origin === null) this.#waiting.push(command);
    else this.#frame.contentWindow?.postMessage({ tapedeck: 1, ...command }, this.#origin);
  }

  #receive({ source, origin, data }: MessageEvent): void {
    if (source !== this.#frame.contentWindow || origin !== this.#origin || data?.tapedeck !== 1)
      return;
    const told = data as Told;
    switch (told.type) {
      case "ready":
        this.#ready = true;
        for (const command of this.#waiting.splice(0)) this.#tell(command);
        break;
      case "state":
        this.state = told.state;
        this.timeMs = told.time_ms;
        this.startMs = told.start_ms;
        this.endMs = told.end_ms;
        break;
      case "time":
        this.timeMs = told.time_ms;
        break;
      case "error":
        this.state = "failed";
    }
    this.dispatchEvent(new CustomEvent(told.type, { detail: told }));
  }
}

customElements.define("tapedeck-player", TapedeckPlayer);
