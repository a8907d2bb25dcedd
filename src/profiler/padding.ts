/**
 * Padding bounds a pass's time from above: whatever holds for more tokens or more requests can serve fewer, so none may take
 * longer than a larger one. Tables of measured kernels break this at small sizes, where another kernel is picked or the host is
 * slower than the GPU.
 * @param times times of growing work, any unit
 * @returns each lowered to the least of itself and all after it
 */
export function boundByLarger(times: readonly number[]): number[] {
  const bounded = [...times];
  for (let i = bounded.length - 2; i >= 0; i--) bounded[i] = Math.min(bounded[i]!, bounded[i + 1]!);
  return bounded;
}

/** How many of `times` the bound lowered, and the largest share that one lost. */
export function loweredBy(times: readonly number[], bounded: readonly number[]): { count: number; largest: number } {
  const shares = times.map((time, i) => 1 - bounded[i]! / time).filter((share) => share > 0);
  return { count: shares.length, largest: Math.max(0, ...shares) };
}
