/** Of the interval that holds the time, given where each begins; the last number is where the last one ends. */
export function intervalAt(bounds: ArrayLike<number>, time: number): number | null {
  let found: number | null = null;
  for (let index = 0; index < bounds.length - 1 && bounds[index]! <= time; index += 1) found = index;
  return found;
}
