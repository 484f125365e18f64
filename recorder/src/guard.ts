/** Makes a listener that cannot throw: what goes wrong in it is told to the recorder instead of the page. */
export type Guard = <A extends unknown[]>(listener: (...args: A) => void) => (...args: A) => void;

export function guardWith(failed: (error: unknown) => void): Guard {
  return (listener) =>
    (...args) => {
      try {
        listener(...args);
      } catch (error) {
        failed(error);
      }
    };
}
