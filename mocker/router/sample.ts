import type { RandomStream } from "#common";

/**
 * The place of the lowest cost, or one drawn by softmax of the negated costs, which are scaled to their range first
 * (Dynamo's `softmax_sample`, lib/kv-router/src/scheduling/selector.rs).
 * @param temperature 0: the lowest cost, one of equals at random (the first without a stream); above, the more the flatter
 */
export function sampleCost(
  costs: ArrayLike<number>,
  count: number,
  temperature: number,
  random: RandomStream | null,
): number {
  let low = 0;
  let high = 0;
  let equals = 1;
  for (let i = 1; i < count; i++) {
    if (costs[i]! < costs[low]!) {
      low = i;
      equals = 1;
    } else if (costs[i] === costs[low]) equals++;
    if (costs[i]! > costs[high]!) high = i;
  }
  if (random === null || (temperature === 0 && equals === 1)) return low;
  if (temperature === 0) {
    // `low` is the first of equals.
    const lowest = costs[low]!;
    for (let skip = random.integer(equals); skip > 0; ) {
      low++;
      if (costs[low] === lowest) skip--;
    }
    return low;
  }
  const range = costs[high]! - costs[low]!;
  if (range === 0) return random.integer(count);
  const weight = (i: number) => Math.exp((costs[low]! - costs[i]!) / (range * temperature));
  let sum = 0;
  for (let i = 0; i < count; i++) sum += weight(i);
  let left = random.next() * sum;
  for (let i = 0; i < count; i++) {
    left -= weight(i);
    if (left <= 0) return i;
  }
  return count - 1;
}
