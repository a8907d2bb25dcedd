import type { Triangulation } from "./triangulation.ts";

/** scipy's defaults for the gradient iteration. */
const MAX_SWEEPS = 400;
const TOLERANCE = 1e-6;

/** The piecewise cubic surface over a triangulation: 19 Bézier ordinates a triangle. */
export interface CloughTocher {
  /** Value in triangle `t` at barycentric coordinates that sum to 1. */
  evaluate(t: number, b0: number, b1: number, b2: number): number;
}

/**
 * Clough–Tocher C1 interpolation (Farin 1986) with gradients of least curvature (Nielson 1983; Renka and Cline 1984):
 * the method of scipy's `CloughTocher2DInterpolator`, so of `griddata(method="cubic")`, in the same order of
 * operations.
 */
export function cloughTocher(mesh: Triangulation, values: readonly number[]): CloughTocher {
  const gradients = estimateGradients(mesh, values);
  const count = mesh.triangles.length / 3;
  const ordinates = new Float64Array(count * 19);
  for (let t = 0; t < count; t++) fillOrdinates(mesh, values, gradients, t, ordinates.subarray(19 * t, 19 * t + 19));
  return { evaluate: (t, b0, b1, b2) => evaluateOrdinates(ordinates, 19 * t, b0, b1, b2) };
}

/**
 * Gauss–Seidel over the vertices in index order: each gradient minimises the curvature along the edges that meet there.
 */
function estimateGradients(mesh: Triangulation, values: readonly number[]): Float64Array {
  const { x, y, adjacent } = mesh;
  const gradients = new Float64Array(2 * x.length);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let largest = 0;
    for (let i = 0; i < x.length; i++) {
      let q00 = 0;
      let q01 = 0;
      let q11 = 0;
      let s0 = 0;
      let s1 = 0;
      for (const j of adjacent[i]!) {
        const ex = x[j]! - x[i]!;
        const ey = y[j]! - y[i]!;
        const length = Math.sqrt(ex * ex + ey * ey);
        const cubed = length * length * length;
        const slopeThere = -ex * gradients[2 * j]! - ey * gradients[2 * j + 1]!;
        q00 += (4 * ex * ex) / cubed;
        q01 += (4 * ex * ey) / cubed;
        q11 += (4 * ey * ey) / cubed;
        const pull = (6 * (values[i]! - values[j]!) - 2 * slopeThere) / cubed;
        s0 += pull * ex;
        s1 += pull * ey;
      }
      const determinant = q00 * q11 - q01 * q01;
      // A vertex in no triangle (its triangles were slivers) has no gradient.
      if (determinant === 0) continue;
      const r0 = (q11 * s0 - q01 * s1) / determinant;
      const r1 = (-q01 * s0 + q00 * s1) / determinant;
      const change = Math.max(Math.abs(gradients[2 * i]! + r0), Math.abs(gradients[2 * i + 1]! + r1));
      gradients[2 * i] = -r0;
      gradients[2 * i + 1] = -r1;
      largest = Math.max(largest, change / Math.max(1, Math.abs(r0), Math.abs(r1)));
    }
    if (largest < TOLERANCE) break;
  }
  return gradients;
}

/**
 * Ordinates in the order c3000 c2100 c2010 c0300 c1200 c0210 c0030 c1020 c0120 c2001 c0201 c0021 c0111 c1011 c1101
 * c1002 c0102 c0012 c0003.
 */
function fillOrdinates(
  mesh: Triangulation,
  values: readonly number[],
  gradients: Float64Array,
  t: number,
  out: Float64Array,
): void {
  const { x, y, triangles } = mesh;
  const v1 = triangles[3 * t]!;
  const v2 = triangles[3 * t + 1]!;
  const v3 = triangles[3 * t + 2]!;
  const along = (vertex: number, from: number, to: number): number =>
    gradients[2 * vertex]! * (x[to]! - x[from]!) + gradients[2 * vertex + 1]! * (y[to]! - y[from]!);
  const f1 = values[v1]!;
  const f2 = values[v2]!;
  const f3 = values[v3]!;
  const c3000 = f1;
  const c2100 = (along(v1, v1, v2) + 3 * f1) / 3;
  const c2010 = (-along(v1, v3, v1) + 3 * f1) / 3;
  const c0300 = f2;
  const c1200 = (-along(v2, v1, v2) + 3 * f2) / 3;
  const c0210 = (along(v2, v2, v3) + 3 * f2) / 3;
  const c0030 = f3;
  const c1020 = (along(v3, v3, v1) + 3 * f3) / 3;
  const c0120 = (-along(v3, v2, v3) + 3 * f3) / 3;
  const c2001 = (c2100 + c2010 + c3000) / 3;
  const c0201 = (c1200 + c0300 + c0210) / 3;
  const c0021 = (c1020 + c0120 + c0030) / 3;
  const g0 = edgeWeight(mesh, t, 0);
  const g1 = edgeWeight(mesh, t, 1);
  const g2 = edgeWeight(mesh, t, 2);
  const c0111 = (g0 * (-c0300 + 3 * c0210 - 3 * c0120 + c0030) + (-c0300 + 2 * c0210 - c0120 + c0021 + c0201)) / 2;
  const c1011 = (g1 * (-c0030 + 3 * c1020 - 3 * c2010 + c3000) + (-c0030 + 2 * c1020 - c2010 + c2001 + c0021)) / 2;
  const c1101 = (g2 * (-c3000 + 3 * c2100 - 3 * c1200 + c0300) + (-c3000 + 2 * c2100 - c1200 + c2001 + c0201)) / 2;
  const c1002 = (c1101 + c1011 + c2001) / 3;
  const c0102 = (c1101 + c0111 + c0201) / 3;
  const c0012 = (c1011 + c0111 + c0021) / 3;
  const c0003 = (c1002 + c0102 + c0012) / 3;
  out.set([c3000, c2100, c2010, c0300, c1200, c0210, c0030, c1020, c0120, c2001, c0201, c0021]);
  out.set([c0111, c1011, c1101, c1002, c0102, c0012, c0003], 12);
}

/**
 * How the cross-edge derivative at the edge opposite vertex k blends: toward the neighbour's centroid (so that both
 * sides agree), or along the edge's normal direction of this triangle (-1/2) at the hull.
 */
function edgeWeight(mesh: Triangulation, t: number, k: number): number {
  const { x, y, triangles, neighbours } = mesh;
  const neighbour = neighbours[3 * t + k]!;
  if (neighbour < 0) return -0.5;
  const mean = (axis: readonly number[]): number =>
    (axis[triangles[3 * neighbour]!]! + axis[triangles[3 * neighbour + 1]!]! + axis[triangles[3 * neighbour + 2]!]!) /
    3;
  const c = barycentric(mesh, t, mean(x), mean(y));
  const next = c[(k + 1) % 3]!;
  const after = c[(k + 2) % 3]!;
  return (2 * after + next - 1) / (2 - 3 * after - 3 * next);
}

/** Barycentric coordinates of a point in triangle `t`; negative outside. */
export function barycentric(mesh: Triangulation, t: number, px: number, py: number): [number, number, number] {
  const { x, y, triangles } = mesh;
  const a = triangles[3 * t]!;
  const b = triangles[3 * t + 1]!;
  const c = triangles[3 * t + 2]!;
  const determinant = (x[a]! - x[c]!) * (y[b]! - y[c]!) - (x[b]! - x[c]!) * (y[a]! - y[c]!);
  const dx = px - x[c]!;
  const dy = py - y[c]!;
  const first = ((y[b]! - y[c]!) * dx - (x[b]! - x[c]!) * dy) / determinant;
  const second = (-(y[a]! - y[c]!) * dx + (x[a]! - x[c]!) * dy) / determinant;
  return [first, second, 1 - first - second];
}

function evaluateOrdinates(c: Float64Array, at: number, b0: number, b1: number, b2: number): number {
  const least = Math.min(b0, b1, b2);
  const p = b0 - least;
  const q = b1 - least;
  const r = b2 - least;
  const s = 3 * least;
  return (
    p ** 3 * c[at]! +
    3 * p * p * q * c[at + 1]! +
    3 * p * p * r * c[at + 2]! +
    3 * p * p * s * c[at + 9]! +
    3 * p * q * q * c[at + 4]! +
    6 * p * q * s * c[at + 14]! +
    3 * p * r * r * c[at + 7]! +
    6 * p * r * s * c[at + 13]! +
    3 * p * s * s * c[at + 15]! +
    q ** 3 * c[at + 3]! +
    3 * q * q * r * c[at + 5]! +
    3 * q * q * s * c[at + 10]! +
    3 * q * r * r * c[at + 8]! +
    6 * q * r * s * c[at + 12]! +
    3 * q * s * s * c[at + 16]! +
    r ** 3 * c[at + 6]! +
    3 * r * r * s * c[at + 11]! +
    3 * r * s * s * c[at + 17]! +
    s ** 3 * c[at + 18]!
  );
}
