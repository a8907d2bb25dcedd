import { tooFewPoints } from "../errors.ts";

/**
 * Interpolating cubic spline with not-a-knot ends, which is what scipy's `interp1d(kind="cubic")` gives (de Boor, A
 * Practical Guide to Splines, 1978, ch. IV). Solved for the slopes at the points; equations as in scipy's
 * `CubicSpline`.
 * @param x strictly ascending, at least 4 points
 * @returns the spline; outside the points its end cubics go on
 * @throws UserError PROFILES_TOO_FEW_POINTS
 */
export function notAKnotSpline(x: readonly number[], y: readonly number[], where: string): (at: number) => number {
  const n = x.length;
  if (n < 4) throw tooFewPoints(where, n, "at least 4 for a cubic spline");
  const dx = Array.from({ length: n - 1 }, (_, i) => x[i + 1]! - x[i]!);
  const secant = dx.map((width, i) => (y[i + 1]! - y[i]!) / width);
  const slopes = solveSlopes(x, dx, secant);
  return (at) => {
    let i = upperBound(x, at) - 1;
    if (i < 0) i = 0;
    if (i > n - 2) i = n - 2;
    const h = dx[i]!;
    const t = (slopes[i]! + slopes[i + 1]! - 2 * secant[i]!) / h;
    const c2 = (secant[i]! - slopes[i]!) / h - t;
    const d = at - x[i]!;
    return y[i]! + d * (slopes[i]! + d * (c2 + (d * t) / h));
  };
}

function solveSlopes(x: readonly number[], dx: readonly number[], secant: readonly number[]): number[] {
  const n = x.length;
  const lower = new Array<number>(n).fill(0);
  const diagonal = new Array<number>(n).fill(0);
  const upper = new Array<number>(n).fill(0);
  const right = new Array<number>(n).fill(0);
  for (let i = 1; i < n - 1; i++) {
    lower[i] = dx[i]!;
    diagonal[i] = 2 * (dx[i - 1]! + dx[i]!);
    upper[i] = dx[i - 1]!;
    right[i] = 3 * (dx[i]! * secant[i - 1]! + dx[i - 1]! * secant[i]!);
  }
  const first = x[2]! - x[0]!;
  diagonal[0] = dx[1]!;
  upper[0] = first;
  right[0] = ((dx[0]! + 2 * first) * dx[1]! * secant[0]! + dx[0]! ** 2 * secant[1]!) / first;
  const last = x[n - 1]! - x[n - 3]!;
  diagonal[n - 1] = dx[n - 3]!;
  lower[n - 1] = last;
  right[n - 1] = (dx[n - 2]! ** 2 * secant[n - 3]! + (2 * last + dx[n - 2]!) * dx[n - 3]! * secant[n - 2]!) / last;
  for (let i = 1; i < n; i++) {
    const factor = lower[i]! / diagonal[i - 1]!;
    diagonal[i] = diagonal[i]! - factor * upper[i - 1]!;
    right[i] = right[i]! - factor * right[i - 1]!;
  }
  const slopes = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    slopes[i] = (right[i]! - (i < n - 1 ? upper[i]! * slopes[i + 1]! : 0)) / diagonal[i]!;
  }
  return slopes;
}

/** The number of values ≤ `at`. */
function upperBound(ascending: readonly number[], at: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
