/**
 * Clicks, and what each caused within a moment: a click that caused nothing is dead, several of them show rage.
 */
import type { Effect, Emit, Target } from "../events.js";
import type { Guard } from "../guard.js";
import type { Privacy } from "../privacy.js";
import { describeTarget } from "../selector.js";

/** Clicks that wait for their effects; more are too many to be somebody's. */
const WAITING_MAX = 20;

interface Waiting {
  readonly target: Target;
  readonly atMs: number;
  readonly effects: Effect[];
  effectMs: number | undefined;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class ClickCapture {
  private readonly waiting = new Set<Waiting>();

  constructor(
    private readonly emit: Emit,
    private readonly privacy: Privacy,
    /** What comes later than this is not said to be the click's doing. */
    private readonly effectMs: number,
  ) {}

  /** Listens until the function it returns is called. */
  listen(guard: Guard): () => void {
    const onClick = guard((event: MouseEvent) => {
      const target = event.composedPath()[0];
      if (!event.isTrusted || !(target instanceof Element)) return;
      const click: Waiting = {
        target: describeTarget(target, this.privacy),
        atMs: Date.now(),
        effects: [],
        effectMs: undefined,
        timer: setTimeout(
          guard(() => this.settle(click)),
          this.effectMs,
        ),
      };
      if (this.waiting.size < WAITING_MAX) this.waiting.add(click);
    });
    addEventListener("click", onClick, { capture: true, passive: true });
    return () => {
      removeEventListener("click", onClick, { capture: true });
      for (const { timer } of this.waiting) clearTimeout(timer);
      this.waiting.clear();
    };
  }

  /** Something happened that may be the doing of the clicks before it. */
  effect(effect: Effect): void {
    for (const click of this.waiting) {
      click.effectMs ??= Date.now() - click.atMs;
      if (!click.effects.includes(effect)) click.effects.push(effect);
    }
  }

  /** Records the clicks that still wait, since the page may be gone before their time is over. */
  settleAll(): void {
    for (const click of this.waiting) this.settle(click);
  }

  private settle(click: Waiting): void {
    clearTimeout(click.timer);
    if (!this.waiting.delete(click)) return;
    const { target, atMs, effects, effectMs } = click;
    this.emit("tapedeck.click", { ...target, at_ms: atMs, effects, effect_ms: effectMs });
  }
}
