/** The shop's calls on its own origin, as `API.md` describes them. */
import type { Cart } from "./cart.ts";

/** How long the shop waits for an answer before it gives up. */
export const PATIENCE_MS = 8_000;

/** The server answered, but not with what was asked for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(path: string, status: number) {
    super(`${path} answered ${status}`);
    this.status = status;
  }
}

async function call(path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new ApiError(path, response.status);
  return response.json();
}

/** Places an order and returns its number. Only the cart is sent: no name, no password, no card. */
export async function placeOrder(cart: Cart): Promise<string> {
  const answer = (await call("/api/orders", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ items: cart }),
  })) as { order: string };
  return answer.order;
}

/** Returns places in the catalogue whose products go well together; see `pick`. */
export async function recommendations(): Promise<number[]> {
  const answer = (await call("/api/recommendations")) as { picks: number[] };
  return answer.picks;
}

/** Always throws an `ApiError`: the server answers 500. */
export const fail = (): Promise<unknown> => call("/api/fail");

/** Throws a `TimeoutError` after `PATIENCE_MS`: the server takes a minute. */
export const hang = (): Promise<unknown> => call("/api/hang");

/** Returns what went wrong, said to a customer. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) return `The server answered ${error.status}.`;
  if (error instanceof DOMException && error.name === "TimeoutError")
    return `No answer after ${PATIENCE_MS / 1000} seconds, so we stopped waiting.`;
  return "The server can't be reached.";
}
