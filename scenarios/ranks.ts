/** Ranks of a sample, ties at their mean. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranked = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranked[order[i]!] = (from + to - 1) / 2;
    from = to;
  }
  return ranked;
}

/** Spearman's rank correlation of two samples of equal length; 0 where one of them is constant. */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (x.length - 1) / 2;
  let together = 0;
  let first = 0;
  let second = 0;
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [x[i]! - middle, y[i]! - middle];
    together += dx * dy;
    first += dx * dx;
    second += dy * dy;
  }
  return first === 0 || second === 0 ? 0 : together / Math.sqrt(first * second);
}
