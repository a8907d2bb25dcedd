/** Huber's tuning constant for 95 % efficiency at the normal distribution (Huber 1964). */
const HUBER_THRESHOLD = 1.345;
/** Residuals below this share count as agreement, so that a perfect fit does not make its rounding errors outliers. */
const LEAST_SPREAD = 1e-3;
const MAX_ROUNDS = 20;

/**
 * Non-negative weights β of Σ βₖ · columns[k] ≈ values, least squares of relative errors with Huber's weights
 * (iteratively reweighted), so that outliers pull less. Non-negative physics (more load, more tokens: never faster)
 * makes the fit safe to extrapolate.
 * @param columns at most a handful: all subsets of them are tried
 * @param values > 0
 */
export function fitNonNegative(columns: readonly (readonly number[])[], values: readonly number[]): number[] {
  const scaled = columns.map((column) => column.map((x, i) => x / values[i]!));
  let weights = values.map(() => 1);
  let beta = bestSubset(scaled, weights);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const errors = values.map((_, i) => Math.abs(scaled.reduce((sum, column, k) => sum + beta[k]! * column[i]!, -1)));
    const limit = HUBER_THRESHOLD * Math.max(LEAST_SPREAD, robustSpread(errors));
    weights = errors.map((error) => (error <= limit ? 1 : limit / error));
    const next = bestSubset(scaled, weights);
    const settled = next.every((value, k) => Math.abs(value - beta[k]!) <= 1e-9 * Math.abs(value));
    beta = next;
    if (settled) break;
  }
  return beta;
}

/** Standard deviation estimated by the median of absolute errors, as it is for a normal distribution. */
export function robustSpread(absoluteErrors: readonly number[]): number {
  const sorted = [...absoluteErrors].sort((a, b) => a - b);
  return 1.4826 * (sorted[sorted.length >> 1] ?? 0);
}

/**
 * Least squares against 1 over every subset of columns; the best whose weights are all ≥ 0 is the non-negative optimum.
 */
function bestSubset(columns: readonly (readonly number[])[], weights: readonly number[]): number[] {
  let best = columns.map(() => 0);
  let bestError = Number.POSITIVE_INFINITY;
  for (let subset = 1; subset < 1 << columns.length; subset++) {
    const chosen = columns.map((_, k) => k).filter((k) => subset & (1 << k));
    const solution = leastSquares(
      chosen.map((k) => columns[k]!),
      weights,
    );
    if (!solution?.every((value) => value >= 0)) continue;
    const error = weights.reduce(
      (sum, weight, i) => sum + weight * chosen.reduce((s, k, at) => s + solution[at]! * columns[k]![i]!, -1) ** 2,
      0,
    );
    if (error >= bestError) continue;
    bestError = error;
    best = columns.map((_, k) => solution[chosen.indexOf(k)] ?? 0);
  }
  return best;
}

/**
 * Weighted least squares of Σ βₖ · column = 1 by Gram–Schmidt on the weighted columns; undefined where they are
 * dependent.
 */
function leastSquares(columns: readonly (readonly number[])[], weights: readonly number[]): number[] | undefined {
  const root = weights.map(Math.sqrt);
  const p = columns.length;
  const q: number[][] = [];
  const r: number[][] = [];
  for (const column of columns) {
    let v = column.map((x, i) => x * root[i]!);
    const length = Math.sqrt(dot(v, v));
    const row: number[] = [];
    for (const base of q) {
      const share = dot(base, v);
      row.push(share);
      v = v.map((x, i) => x - share * base[i]!);
    }
    const rest = Math.sqrt(dot(v, v));
    if (!(rest > 1e-9 * length)) return undefined;
    row.push(rest);
    r.push(row);
    q.push(v.map((x) => x / rest));
  }
  const target = q.map((base) => dot(base, root));
  const beta = new Array<number>(p).fill(0);
  for (let k = p - 1; k >= 0; k--) {
    let value = target[k]!;
    for (let j = k + 1; j < p; j++) value -= r[j]![k]! * beta[j]!;
    beta[k] = value / r[k]![k]!;
  }
  return beta;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}
