/**
 * How many keys the visitor pressed in a field: never which.
 */
import type { Emit } from "../events.js";
import type { Guard } from "../guard.js";
import type { Privacy } from "../privacy.js";
import { describeTarget } from "../selector.js";

export class KeyCapture {
  private field: Element | undefined;
  private keys = 0;

  constructor(
    private readonly emit: Emit,
    private readonly privacy: Privacy,
  ) {}

  /** Listens until the function it returns is called. */
  listen(guard: Guard): () => void {
    const onKey = guard((event: KeyboardEvent) => {
      const target = event.composedPath()[0];
      if (!event.isTrusted || !(target instanceof Element)) return;
      if (target !== this.field) this.settle();
      this.field = target;
      this.keys++;
    });
    const onLeave = guard(() => this.settle());
    addEventListener("keydown", onKey, { capture: true, passive: true });
    addEventListener("focusout", onLeave, { capture: true, passive: true });
    return () => {
      removeEventListener("keydown", onKey, { capture: true });
      removeEventListener("focusout", onLeave, { capture: true });
      this.field = undefined;
      this.keys = 0;
    };
  }

  /** Records what was counted so far. */
  settle(): void {
    const { field, keys } = this;
    this.field = undefined;
    this.keys = 0;
    if (field === undefined || keys === 0) return;
    // What a field shows is what the visitor wrote.
    const { selector, role } = describeTarget(field, this.privacy);
    this.emit("tapedeck.input", { selector, role, text: undefined, keys });
  }
}
