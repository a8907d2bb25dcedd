/** A point of the unit cube: x and y on the floor, z upwards, each 0..1. */
export type Space = readonly [x: number, y: number, z: number];

export interface Projection {
  /** Where a point appears, px. */
  at(space: Space): readonly [x: number, y: number];
  /** Distance from the eye; larger is farther. */
  depth(space: Space): number;
  /** The walls behind everything, as the value of their coordinate. */
  far: { x: 0 | 1; y: 0 | 1 };
  near: { x: 0 | 1; y: 0 | 1 };
}

/**
 * Parallel projection of the unit cube, fitted into a rectangle. Angles as matplotlib has them: elevation above the floor, azimuth
 * from the x axis counter-clockwise, both of the eye, degrees.
 * @param height of the cube against its sides
 */
export function projection(
  view: { elevation: number; azimuth: number },
  height: number,
  room: { left: number; right: number; top: number; bottom: number },
): Projection {
  const elevation = (view.elevation * Math.PI) / 180;
  const azimuth = (view.azimuth * Math.PI) / 180;
  const eye = [
    Math.cos(elevation) * Math.cos(azimuth),
    Math.cos(elevation) * Math.sin(azimuth),
    Math.sin(elevation),
  ] as const;
  const right = [-Math.sin(azimuth), Math.cos(azimuth)] as const;
  const up = [
    -Math.sin(elevation) * Math.cos(azimuth),
    -Math.sin(elevation) * Math.sin(azimuth),
    Math.cos(elevation),
  ] as const;
  const flat = ([x, y, z]: Space): [number, number] => {
    const [cx, cy, cz] = [x - 0.5, y - 0.5, (z - 0.5) * height];
    return [right[0] * cx + right[1] * cy, -(up[0] * cx + up[1] * cy + up[2] * cz)];
  };
  const corners = [0, 1].flatMap((x) => [0, 1].flatMap((y) => [0, 1].map((z) => flat([x, y, z]))));
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [low, high] = [
    [Math.min(...xs), Math.min(...ys)],
    [Math.max(...xs), Math.max(...ys)],
  ] as const;
  // Both directions are stretched on their own: a picture wider than high shows a wider box.
  const sx = (room.right - room.left) / (high[0]! - low[0]!);
  const sy = (room.bottom - room.top) / (high[1]! - low[1]!);
  const farX = eye[0] > 0 ? 0 : 1;
  const farY = eye[1] > 0 ? 0 : 1;
  return {
    at: (space) => {
      const [x, y] = flat(space);
      return [room.left + (x - low[0]!) * sx, room.top + (y - low[1]!) * sy];
    },
    depth: ([x, y, z]) => -(eye[0] * x + eye[1] * y + eye[2] * z * height),
    far: { x: farX, y: farY },
    near: { x: farX === 0 ? 1 : 0, y: farY === 0 ? 1 : 0 },
  };
}
