/**
 * The non-decreasing sequence nearest to `values` in least squares (pool adjacent violators; Barlow et al. 1972), in
 * place.
 * @param start first index @param count how many values
 */
export function makeNonDecreasing(values: Float64Array, start = 0, count = values.length): void {
  const sums: number[] = [];
  const sizes: number[] = [];
  for (let i = 0; i < count; i++) {
    let sum = values[start + i]!;
    let size = 1;
    while (sums.length > 0 && sums.at(-1)! / sizes.at(-1)! > sum / size) {
      sum += sums.pop()!;
      size += sizes.pop()!;
    }
    sums.push(sum);
    sizes.push(size);
  }
  let at = start;
  let previous = Number.NEGATIVE_INFINITY;
  sums.forEach((sum, block) => {
    // Rounding of the means must not undo the order.
    previous = Math.max(previous, sum / sizes[block]!);
    values.fill(previous, at, at + sizes[block]!);
    at += sizes[block]!;
  });
}
