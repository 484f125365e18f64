/** The visitor said no. Kept until they say yes; it says nothing else about them. */
export const OPT_OUT_KEY = "tapedeck.optout";

/**
 * The browser's storage as something that cannot fail: what it refuses to keep (blocked, full) is kept in memory instead,
 * for as long as the page lives.
 */
export class SafeStorage {
  private readonly memory = new Map<string, string>();

  /** `find` names the storage; it is called inside a guard, since merely touching `localStorage` throws where it is blocked. */
  constructor(private readonly find: () => Pick<Storage, "getItem" | "setItem" | "removeItem">) {}

  get(key: string): string | undefined {
    try {
      return this.memory.get(key) ?? this.find().getItem(key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  set(key: string, value: string): void {
    try {
      this.find().setItem(key, value);
      this.memory.delete(key);
    } catch {
      this.memory.set(key, value);
    }
  }

  remove(key: string): void {
    this.memory.delete(key);
    try {
      this.find().removeItem(key);
    } catch {
      // Storage that cannot be written holds nothing of ours.
    }
  }
}
