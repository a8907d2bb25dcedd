import Delaunator from "delaunator";
import { tooFewPoints } from "../errors.ts";

/** A Delaunay triangulation without slivers. */
export interface Triangulation {
  x: readonly number[];
  y: readonly number[];
  /** Three vertex indices a triangle. */
  triangles: Int32Array;
  /** For each triangle the neighbour opposite its vertex k, or -1 at the hull. */
  neighbours: Int32Array;
  /** Vertices that share an edge with each vertex. */
  adjacent: readonly (readonly number[])[];
}

/** Triangles of less than this share of the bounding box are rounding noise of collinear hull points. */
const SLIVER_SHARE = 1e-10;

/**
 * Delaunay triangulation of points in raw coordinates. Qhull, which scipy uses, drops the nearly collinear triangles
 * at the hull (the points of batch 1 lie on one line); delaunator keeps some of area 0 to 1e-12, so they are dropped
 * here: the triangles are then the same.
 * @throws UserError PROFILES_TOO_FEW_POINTS where all points are collinear
 */
export function triangulate(x: readonly number[], y: readonly number[], where: string): Triangulation {
  const coordinates = new Float64Array(2 * x.length);
  for (let i = 0; i < x.length; i++) {
    coordinates[2 * i] = x[i]!;
    coordinates[2 * i + 1] = y[i]!;
  }
  const { triangles: all, halfedges } = new Delaunator(coordinates);
  const boxArea = (Math.max(...x) - Math.min(...x)) * (Math.max(...y) - Math.min(...y));
  const newIndex = new Int32Array(all.length / 3).fill(-1);
  let count = 0;
  for (let t = 0; t < newIndex.length; t++) {
    const [a, b, c] = [all[3 * t]!, all[3 * t + 1]!, all[3 * t + 2]!];
    const area = Math.abs((x[b]! - x[a]!) * (y[c]! - y[a]!) - (x[c]! - x[a]!) * (y[b]! - y[a]!)) / 2;
    if (area > SLIVER_SHARE * boxArea) newIndex[t] = count++;
  }
  if (count === 0) throw tooFewPoints(where, x.length, "at least 3 that do not lie on one line");
  const triangles = new Int32Array(3 * count);
  const neighbours = new Int32Array(3 * count).fill(-1);
  const adjacent = x.map(() => new Set<number>());
  for (let t = 0; t < newIndex.length; t++) {
    const kept = newIndex[t]!;
    if (kept < 0) continue;
    for (let k = 0; k < 3; k++) {
      const vertex = all[3 * t + k]!;
      const next = all[3 * t + ((k + 1) % 3)]!;
      triangles[3 * kept + k] = vertex;
      adjacent[vertex]!.add(next);
      adjacent[next]!.add(vertex);
      // Half-edge k runs from vertex k to vertex k+1: it lies opposite vertex k+2.
      const twin = halfedges[3 * t + k]!;
      if (twin >= 0) neighbours[3 * kept + ((k + 2) % 3)] = newIndex[Math.floor(twin / 3)]!;
    }
  }
  return { x, y, triangles, neighbours, adjacent: adjacent.map((set) => [...set].sort((a, b) => a - b)) };
}
