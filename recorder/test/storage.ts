/** `Storage` for tests outside a browser. */
export function memoryStorage(): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    clear: () => items.clear(),
    getItem: (key) => items.get(key) ?? null,
    key: (index) => [...items.keys()][index] ?? null,
    removeItem: (key) => void items.delete(key),
    setItem: (key, value) => void items.set(key, value),
  };
}

/** Storage as browsers fail: touching it throws, writing throws, or there is none. */
export function brokenStorage(how: "blocked" | "full" | "absent"): () => Storage {
  const refuse = (name: string) => (): never => {
    throw new DOMException("the storage refuses", name);
  };
  if (how === "blocked") return refuse("SecurityError");
  if (how === "absent") return () => null as unknown as Storage;
  return () => ({ ...memoryStorage(), setItem: refuse("QuotaExceededError") });
}
