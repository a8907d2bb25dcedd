/**
 * Solves the symmetric positive definite system in place by Cholesky's method. `matrix` is row-major, size × size;
 * `rhs` becomes the solution. False where the matrix is not positive definite to working precision.
 */
export function solveCholesky(matrix: Float64Array, rhs: Float64Array, size: number): boolean {
  if (factorCholesky(matrix, size) < size) return false;
  solveFactored(matrix, rhs, size, size);
  return true;
}

/**
 * Replaces the lower half of `matrix` (row-major, size × size) by its Cholesky factor.
 * @returns how many of its rows: those that lead it up to where it is not positive definite to working precision. They are the
 *   factor of the smaller matrix that these rows and columns make.
 */
export function factorCholesky(matrix: Float64Array, size: number): number {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]!;
      for (let k = 0; k < j; k++) sum -= matrix[i * size + k]! * matrix[j * size + k]!;
      if (i === j) {
        if (!(sum > 1e-12 * Math.abs(matrix[i * size + i]!)) || sum <= 0) return i;
        matrix[i * size + i] = Math.sqrt(sum);
      } else {
        matrix[i * size + j] = sum / matrix[j * size + j]!;
      }
    }
  }
  return size;
}

/** Solves the system of the first `size` rows and columns of a `factor` whose rows are `stride` long; `rhs` becomes the solution. */
export function solveFactored(factor: Float64Array, rhs: Float64Array, size: number, stride: number): void {
  for (let i = 0; i < size; i++) {
    let sum = rhs[i]!;
    for (let k = 0; k < i; k++) sum -= factor[i * stride + k]! * rhs[k]!;
    rhs[i] = sum / factor[i * stride + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = rhs[i]!;
    for (let k = i + 1; k < size; k++) sum -= factor[k * stride + i]! * rhs[k]!;
    rhs[i] = sum / factor[i * stride + i]!;
  }
}
