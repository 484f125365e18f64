/**
 * Puts a function of ours around one of the page's.
 */
// biome-ignore lint/suspicious/noExplicitAny: it stands for any function, of which only the caller knows the type.
type Any = (...args: any[]) => any;

/**
 * Replaces `owner[name]` by what `around` makes of it, and returns how to take it back. Where a page has frozen the owner nothing happens.
 * Who wrapped it after us still calls us, and is not cut off.
 */
export function wrap<K extends string, F extends Any>(
  owner: { [name in K]: F },
  name: K,
  around: (original: F) => F,
): () => void {
  const original = owner[name];
  if (typeof original !== "function") return () => {};
  let isOn = true;
  const wrapped = around(original);
  const replacement = function (this: unknown, ...args: Parameters<F>): ReturnType<F> {
    return (isOn ? wrapped : original).apply(this, args);
  } as F;
  if (!Reflect.set(owner, name, replacement)) return () => {};
  return () => {
    isOn = false;
    if (owner[name] === replacement) owner[name] = original;
  };
}
