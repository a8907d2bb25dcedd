import { tooFewPoints } from "./errors.ts";

/**
 * Ordinary least squares: weights β of Σ βₖ·rows[i][k] ≈ values[i], by the normal equations with columns scaled to 1
 * and pivoting.
 * @throws UserError PROFILES_TOO_FEW_POINTS where the columns are dependent
 */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const columns = rows[0]?.length ?? 0;
  const scales = columnScales(rows, columns);
  const matrix = normalEquations(rows, values, scales);
  for (let k = 0; k < columns; k++) {
    let pivot = k;
    for (let row = k + 1; row < columns; row++) {
      if (Math.abs(matrix[row]![k]!) > Math.abs(matrix[pivot]![k]!)) pivot = row;
    }
    [matrix[k], matrix[pivot]] = [matrix[pivot]!, matrix[k]!];
    const head = matrix[k]!;
    if (!(Math.abs(head[k]!) > 1e-12 * rows.length)) {
      throw tooFewPoints("linear regression", rows.length, `samples that determine ${columns} coefficients`);
    }
    for (let row = 0; row < columns; row++) {
      if (row === k) continue;
      const factor = matrix[row]![k]! / head[k]!;
      for (let column = k; column <= columns; column++) matrix[row]![column]! -= factor * head[column]!;
    }
  }
  return matrix.map((row, k) => row[columns]! / row[k]! / scales[k]!);
}

function columnScales(rows: readonly (readonly number[])[], columns: number): Float64Array {
  const scales = new Float64Array(columns);
  for (const row of rows) {
    for (let k = 0; k < columns; k++) scales[k] = Math.max(scales[k]!, Math.abs(row[k]!));
  }
  return scales.map((scale) => scale || 1);
}

/** Plain loops: planners fit anew at every tick. */
function normalEquations(
  rows: readonly (readonly number[])[],
  values: readonly number[],
  scales: Float64Array,
): number[][] {
  const columns = scales.length;
  const matrix = Array.from({ length: columns }, () => new Array<number>(columns + 1).fill(0));
  const scaled = new Float64Array(columns);
  for (let i = 0; i < rows.length; i++) {
    for (let a = 0; a < columns; a++) scaled[a] = rows[i]![a]! / scales[a]!;
    for (let a = 0; a < columns; a++) {
      const line = matrix[a]!;
      for (let b = 0; b < columns; b++) line[b]! += scaled[a]! * scaled[b]!;
      line[columns]! += scaled[a]! * values[i]!;
    }
  }
  return matrix;
}
