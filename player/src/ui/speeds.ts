export const SPEEDS = [0.5, 1, 2, 4, 8, 16];

/** The speed beside `speed`, or itself where there is none. */
export function speedBeside(speed: number, direction: 1 | -1): number {
  return SPEEDS[SPEEDS.indexOf(speed) + direction] ?? speed;
}
