/**
 * What the page writes to the console.
 */
import type { ConsoleLevel, Emit } from "../events.js";
import type { Guard } from "../guard.js";
import type { Privacy } from "../privacy.js";
import { wrap } from "../wrap.js";

const LEVELS: readonly ConsoleLevel[] = ["error", "warn", "info", "log", "debug"];
const ARGS_MAX = 10;
const ARG_CHARS_MAX = 1_000;

/** Watches until the function it returns is called. */
export function watchConsole(emit: Emit, privacy: Privacy, guard: Guard): () => void {
  let isInside = false;
  const owner: Record<ConsoleLevel, (...args: unknown[]) => void> = console;
  const undo = LEVELS.map((level) =>
    wrap(
      owner,
      level,
      (original) =>
        function (this: unknown, ...args: unknown[]) {
          original.apply(this, args);
          // What we cause ourselves, or an object that logs when it is looked at, must not come back to us.
          if (isInside) return;
          isInside = true;
          guard(() => emit("tapedeck.console", { level, args: describeArgs(args, privacy) }))();
          isInside = false;
        },
    ),
  );
  return () => {
    for (const one of undo) one();
  };
}

// The first text is the developer's own words; what follows is data, which may be the visitor's.
function describeArgs(args: readonly unknown[], privacy: Privacy): string[] {
  return args.slice(0, ARGS_MAX).map((arg, i) => {
    const text = describe(arg).slice(0, ARG_CHARS_MAX);
    const isData = typeof arg === "string" && i > 0;
    return isData ? privacy.text(text) : privacy.words(text);
  });
}

function describe(arg: unknown): string {
  if (typeof arg !== "object" || arg === null) return String(arg);
  try {
    if (arg instanceof Error) return `${arg.name}: ${arg.message}`;
    if (Array.isArray(arg)) return `array of ${arg.length}`;
    return `object with keys ${Object.keys(arg).slice(0, 20).join(", ")}`;
  } catch {
    // A getter or a proxy of the page's may throw.
    return "object that cannot be read";
  }
}
