import { linspace } from "../linspace.ts";
import { griddata } from "./griddata.ts";
import type { Triangulation } from "./triangulation.ts";

/** Points on each axis of the reference planner's tables. */
export const RESOLUTION = 100;

/** Cells [context index × 100 + KV index] of the reference planner's table: KV usage 0..1 × context 0..longest. */
export function buildLookupTable(mesh: Triangulation, values: readonly number[]): Float64Array {
  const surface = griddata(mesh, values);
  const xi = linspace(0, 1, RESOLUTION);
  const yi = linspace(0, Math.max(...mesh.y), RESOLUTION);
  return Float64Array.from({ length: RESOLUTION * RESOLUTION }, (_, at) =>
    surface.at(xi[at % RESOLUTION]!, yi[Math.floor(at / RESOLUTION)]!),
  );
}
