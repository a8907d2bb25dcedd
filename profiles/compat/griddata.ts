import { barycentric, cloughTocher } from "./clough-tocher.ts";
import type { Triangulation } from "./triangulation.ts";

/** scipy accepts points this far outside a triangle (100 × the machine epsilon). */
const HULL_TOLERANCE = 100 * Number.EPSILON;

/** A surface through scattered points, asked anywhere. */
export interface ScatteredSurface {
  at(x: number, y: number): number;
  /** Undefined outside the hull, where `at` gives the nearest point's value. */
  inside(x: number, y: number): number | undefined;
}

/** scipy's `griddata(method="cubic")` in raw coordinates, and the nearest sample (raw distance) where that has no value. */
export function griddata(mesh: Triangulation, values: readonly number[]): ScatteredSurface {
  const surface = cloughTocher(mesh, values);
  const boxes = boundingBoxes(mesh);
  const inside = (x: number, y: number): number | undefined => {
    for (let t = 0; t < boxes.length / 4; t++) {
      if (x < boxes[4 * t]! || x > boxes[4 * t + 1]! || y < boxes[4 * t + 2]! || y > boxes[4 * t + 3]!) continue;
      const [b0, b1, b2] = barycentric(mesh, t, x, y);
      if (Math.min(b0, b1, b2) >= -HULL_TOLERANCE) return surface.evaluate(t, b0, b1, b2);
    }
    return undefined;
  };
  return { inside, at: (x, y) => inside(x, y) ?? values[nearest(mesh, x, y)]! };
}

/** Minimum and maximum of x and of y of each triangle, a little widened, so that most triangles need no arithmetic. */
function boundingBoxes(mesh: Triangulation): Float64Array {
  const count = mesh.triangles.length / 3;
  const boxes = new Float64Array(4 * count);
  for (let t = 0; t < count; t++) {
    [mesh.x, mesh.y].forEach((axis, k) => {
      const corners = [0, 1, 2].map((corner) => axis[mesh.triangles[3 * t + corner]!]!);
      const slack = 1e-9 * (Math.max(...corners) - Math.min(...corners));
      boxes[4 * t + 2 * k] = Math.min(...corners) - slack;
      boxes[4 * t + 2 * k + 1] = Math.max(...corners) + slack;
    });
  }
  return boxes;
}

function nearest(mesh: Triangulation, x: number, y: number): number {
  let best = 0;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (let i = 0; i < mesh.x.length; i++) {
    const distance = (mesh.x[i]! - x) ** 2 + (mesh.y[i]! - y) ** 2;
    if (distance < bestDistance) {
      bestDistance = distance;
      best = i;
    }
  }
  return best;
}
