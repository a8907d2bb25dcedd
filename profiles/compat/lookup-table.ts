import { linspace } from "../mocker-table.ts";
import { barycentric, cloughTocher } from "./clough-tocher.ts";
import type { Triangulation } from "./triangulation.ts";

/** Points on each axis of the reference planner's tables. */
export const RESOLUTION = 100;
/** scipy accepts points this far outside a triangle (100 × the machine epsilon). */
const HULL_TOLERANCE = 100 * Number.EPSILON;

/** Cells [context index × 100 + KV index]; `outside` marks those beyond the hull of the samples. */
export interface LookupTable {
  values: Float64Array;
  outside: Uint8Array;
}

/**
 * The reference planner's table: `griddata(method="cubic")` in raw coordinates over KV usage 0..1 × context 0..longest, and the nearest
 * sample (raw distance) where that has no value.
 */
export function buildLookupTable(mesh: Triangulation, values: readonly number[]): LookupTable {
  const surface = cloughTocher(mesh, values);
  const xi = linspace(0, 1, RESOLUTION);
  const yi = linspace(0, Math.max(...mesh.y), RESOLUTION);
  const table = new Float64Array(RESOLUTION * RESOLUTION);
  const outside = new Uint8Array(RESOLUTION * RESOLUTION).fill(1);
  for (let t = 0; t < mesh.triangles.length / 3; t++) {
    const corners = [mesh.triangles[3 * t]!, mesh.triangles[3 * t + 1]!, mesh.triangles[3 * t + 2]!];
    const [firstX, lastX] = range(
      xi,
      corners.map((i) => mesh.x[i]!),
    );
    const [firstY, lastY] = range(
      yi,
      corners.map((i) => mesh.y[i]!),
    );
    for (let iy = firstY; iy <= lastY; iy++) {
      for (let ix = firstX; ix <= lastX; ix++) {
        const at = iy * RESOLUTION + ix;
        if (outside[at] === 0) continue;
        const [b0, b1, b2] = barycentric(mesh, t, xi[ix]!, yi[iy]!);
        if (b0 < -HULL_TOLERANCE || b1 < -HULL_TOLERANCE || b2 < -HULL_TOLERANCE) continue;
        outside[at] = 0;
        table[at] = surface.evaluate(t, b0, b1, b2);
      }
    }
  }
  for (let at = 0; at < table.length; at++) {
    if (outside[at] === 1) table[at] = nearest(mesh, values, xi[at % RESOLUTION]!, yi[Math.floor(at / RESOLUTION)]!);
  }
  return { values: table, outside };
}

/** First and last index of the axis that a triangle's extent can touch, one to spare for rounding. */
function range(axis: readonly number[], extent: readonly number[]): [number, number] {
  const step = axis[1]!;
  const first = Math.max(0, Math.floor(Math.min(...extent) / step) - 1);
  const last = Math.min(axis.length - 1, Math.ceil(Math.max(...extent) / step) + 1);
  return [first, last];
}

function nearest(mesh: Triangulation, values: readonly number[], x: number, y: number): number {
  let best = 0;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const distance = (mesh.x[i]! - x) ** 2 + (mesh.y[i]! - y) ** 2;
    if (distance < bestDistance) {
      bestDistance = distance;
      best = i;
    }
  }
  return values[best]!;
}
