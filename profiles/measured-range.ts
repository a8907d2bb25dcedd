import type { Profile } from "./types.ts";

/** Which questions the samples of a profile cover. */
export interface MeasuredRange {
  extrapolates(kvUsage: number, contextLength: number): boolean;
  extrapolatesPrefill(isl: number): boolean;
}

/**
 * The single-request samples lie exactly on the hull's edge; what is this close (of each axis' extent) counts as
 * inside.
 */
const EDGE_TOLERANCE = 1e-6;
/** Cells of the hull's extent along each axis: of those that lie within it, points are not held against the edges. */
const CELLS = 32;

/** The convex hull of the decode samples in KV usage × context length, and the interval of the prefill samples. */
export function measuredRange(profile: Profile): MeasuredRange {
  const { kvUsage, contextLength } = profile.decode;
  const minX = Math.min(...kvUsage);
  const minY = Math.min(...contextLength);
  const scaleX = 1 / (Math.max(...kvUsage) - minX || 1);
  const scaleY = 1 / (Math.max(...contextLength) - minY || 1);
  const hull = convexHull(kvUsage.map((x, i) => [(x - minX) * scaleX, (contextLength[i]! - minY) * scaleY]));
  const edges = hull.map(([x, y], i) => {
    const [nextX, nextY] = hull[(i + 1) % hull.length]!;
    const length = Math.hypot(nextX - x, nextY - y) || 1;
    return { x, y, normalX: -(nextY - y) / length, normalY: (nextX - x) / length };
  });
  const lowest = profile.prefill.isl[0]!;
  const highest = profile.prefill.isl.at(-1)!;
  const isOutside = (px: number, py: number): boolean => {
    for (let i = 0; i < edges.length; i++) {
      const edge = edges[i]!;
      if ((px - edge.x) * edge.normalX + (py - edge.y) * edge.normalY < -EDGE_TOLERANCE) return true;
    }
    return edges.length < 3 && Math.hypot(px - hull[0]![0], py - hull[0]![1]) > EDGE_TOLERANCE;
  };
  const inner = cellsWithin(isOutside);
  return {
    extrapolates: (x, y) => {
      const px = (x - minX) * scaleX;
      const py = (y - minY) * scaleY;
      if (
        px >= 0 &&
        px < 1 &&
        py >= 0 &&
        py < 1 &&
        inner[Math.floor(py * CELLS) * CELLS + Math.floor(px * CELLS)] === 1
      )
        return false;
      return isOutside(px, py);
    },
    extrapolatesPrefill: (isl) => isl < lowest || isl > highest,
  };
}

/** Cells of the unit square whose points all lie within a convex area: those whose corners, a little further out, do. */
function cellsWithin(isOutside: (x: number, y: number) => boolean): Uint8Array {
  const further = 1e-3 / CELLS;
  const within = new Uint8Array(CELLS * CELLS);
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) {
      const xs = [column / CELLS - further, (column + 1) / CELLS + further];
      const ys = [row / CELLS - further, (row + 1) / CELLS + further];
      if (xs.every((x) => ys.every((y) => !isOutside(x, y)))) within[row * CELLS + column] = 1;
    }
  }
  return within;
}

/** Counter-clockwise hull (Andrew's monotone chain, 1979). */
function convexHull(points: [number, number][]): [number, number][] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const chain = (ordered: [number, number][]): [number, number][] => {
    const hull: [number, number][] = [];
    for (const point of ordered) {
      while (hull.length >= 2 && turn(hull.at(-2)!, hull.at(-1)!, point) <= 0) hull.pop();
      hull.push(point);
    }
    hull.pop();
    return hull;
  };
  const hull = [...chain(sorted), ...chain([...sorted].reverse())];
  return hull.length > 0 ? hull : [sorted[0]!];
}

function turn(a: [number, number], b: [number, number], c: [number, number]): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}
