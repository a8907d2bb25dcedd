import { tooFewPoints } from "./errors.ts";

/** Sums over the samples from which least squares of any of their columns follow; columns are scaled to 1 at most. */
export interface NormalEquations {
  samples: number;
  /** A row for each column: its products with all columns, and with the values. */
  matrix: readonly (readonly number[])[];
  scales: Float64Array;
}

/**
 * Ordinary least squares: weights β of Σ βₖ·rows[i][k] ≈ values[i].
 * @throws UserError PROFILES_TOO_FEW_POINTS where the columns are dependent
 */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const equations = normalEquations(rows, values);
  return solveNormalEquations(
    equations,
    equations.matrix.map((_, column) => column),
  );
}

/**
 * Weights of the columns named, as if there were no others, by elimination with pivoting.
 * @throws UserError PROFILES_TOO_FEW_POINTS where the columns are dependent
 */
export function solveNormalEquations(equations: NormalEquations, columns: readonly number[]): number[] {
  const { samples, scales } = equations;
  const count = columns.length;
  const matrix = columns.map((column) => {
    const row = equations.matrix[column]!;
    const chosen = columns.map((other) => row[other]!);
    chosen.push(row.at(-1)!);
    return chosen;
  });
  for (let k = 0; k < count; k++) {
    let pivot = k;
    for (let row = k + 1; row < count; row++) {
      if (Math.abs(matrix[row]![k]!) > Math.abs(matrix[pivot]![k]!)) pivot = row;
    }
    [matrix[k], matrix[pivot]] = [matrix[pivot]!, matrix[k]!];
    const head = matrix[k]!;
    if (!(Math.abs(head[k]!) > 1e-12 * samples)) {
      throw tooFewPoints("linear regression", samples, `samples that determine ${count} coefficients`);
    }
    for (let row = 0; row < count; row++) {
      if (row === k) continue;
      const factor = matrix[row]![k]! / head[k]!;
      for (let column = k; column <= count; column++) matrix[row]![column]! -= factor * head[column]!;
    }
  }
  return matrix.map((row, k) => row[count]! / row[k]! / scales[columns[k]!]!);
}

/** Plain loops: planners fit anew at every tick. */
export function normalEquations(rows: readonly (readonly number[])[], values: readonly number[]): NormalEquations {
  const columns = rows[0]?.length ?? 0;
  const scales = columnScales(rows, columns);
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
  return { samples: rows.length, matrix, scales };
}

function columnScales(rows: readonly (readonly number[])[], columns: number): Float64Array {
  const scales = new Float64Array(columns);
  for (const row of rows) {
    for (let k = 0; k < columns; k++) scales[k] = Math.max(scales[k]!, Math.abs(row[k]!));
  }
  return scales.map((scale) => scale || 1);
}
