import { tooFewPoints } from "./errors.ts";

/**
 * Ordinary least squares: weights β of Σ βₖ·rows[i][k] ≈ values[i], by the normal equations with columns scaled to 1
 * and pivoting.
 * @throws UserError PROFILES_TOO_FEW_POINTS where the columns are dependent
 */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const columns = rows[0]?.length ?? 0;
  const scales = Array.from({ length: columns }, (_, k) => Math.max(...rows.map((row) => Math.abs(row[k]!))) || 1);
  const matrix = Array.from({ length: columns }, (_, a) => [
    ...Array.from({ length: columns }, (_, b) =>
      rows.reduce((sum, row) => sum + (row[a]! / scales[a]!) * (row[b]! / scales[b]!), 0),
    ),
    rows.reduce((sum, row, i) => sum + (row[a]! / scales[a]!) * values[i]!, 0),
  ]);
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
