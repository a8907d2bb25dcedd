/**
 * Solves the symmetric positive definite system in place by Cholesky's method. `matrix` is row-major, size × size;
 * `rhs` becomes the solution. False where the matrix is not positive definite to working precision.
 */
export function solveCholesky(matrix: Float64Array, rhs: Float64Array, size: number): boolean {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]!;
      for (let k = 0; k < j; k++) sum -= matrix[i * size + k]! * matrix[j * size + k]!;
      if (i === j) {
        if (!(sum > 1e-12 * Math.abs(matrix[i * size + i]!)) || sum <= 0) return false;
        matrix[i * size + i] = Math.sqrt(sum);
      } else {
        matrix[i * size + j] = sum / matrix[j * size + j]!;
      }
    }
  }
  for (let i = 0; i < size; i++) {
    let sum = rhs[i]!;
    for (let k = 0; k < i; k++) sum -= matrix[i * size + k]! * rhs[k]!;
    rhs[i] = sum / matrix[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = rhs[i]!;
    for (let k = i + 1; k < size; k++) sum -= matrix[k * size + i]! * rhs[k]!;
    rhs[i] = sum / matrix[i * size + i]!;
  }
  return true;
}
