import type { EdgeAccess } from "../source/edge-calls.ts";
import { SourceError } from "../source/source.ts";
import type { Query } from "./query.ts";
import type { Times } from "./search.ts";
import type { Answer, Cost, Question, SearchReply, SearchRequest } from "./worker.ts";

export interface FinderEvents {
  /** An answer, as far as it has come. */
  onanswer(answer: Answer): void;
  /** All that was to be read was read, or as much as counting is worth. */
  ondone(cost: Cost): void;
  onfail(error: Error): void;
}

/** Asks a project's tables, in a worker of its own. A question ends the one before. */
export class Finder {
  readonly #worker: Worker;
  #id = 0;
  #events: FinderEvents | null = null;

  constructor() {
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<SearchReply>) => {
      if (data.id !== this.#id) return;
      if ("answer" in data) this.#events?.onanswer(data.answer);
      else if ("done" in data) this.#events?.ondone(data.cost);
      else
        this.#events?.onfail(
          data.kind === null ? new Error(data.error) : new SourceError(data.kind, data.error),
        );
    });
    this.#worker.addEventListener("error", (event) => {
      this.#events?.onfail(new Error(`worker failed: ${event.message}`));
    });
  }

  ask(
    access: EdgeAccess,
    query: Query,
    times: Times,
    question: Question,
    events: FinderEvents,
  ): void {
    this.#events = events;
    const request: SearchRequest = { id: ++this.#id, access, query, times, question };
    this.#worker.postMessage(request);
  }

  close(): void {
    this.#worker.terminate();
  }
}
