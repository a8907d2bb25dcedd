/** Values on a regular grid: `values[row * columns + column]`, rows along y. */
export interface GridValues {
  columns: number;
  rows: number;
  values: Float64Array;
}

/** A piece of a contour, from one edge of a cell to another, in grid units (column, row). */
export type Segment = readonly [x1: number, y1: number, x2: number, y2: number];

/**
 * Marching squares (Lorensen & Cline's marching cubes in two dimensions): the pieces of the line on which the grid has the
 * value `level`, by linear interpolation along the edges of each cell. A saddle is decided by the mean of its corners.
 */
export function contour(grid: GridValues, level: number): Segment[] {
  const segments: Segment[] = [];
  for (let row = 0; row + 1 < grid.rows; row++) {
    for (let column = 0; column + 1 < grid.columns; column++) cell(grid, row, column, level, segments);
  }
  return segments;
}

function cell(grid: GridValues, row: number, column: number, level: number, segments: Segment[]): void {
  const at = (r: number, c: number) => grid.values[r * grid.columns + c]!;
  // Corners in the order south-west, south-east, north-east, north-west; "south" is the lower row number.
  const sw = at(row, column);
  const se = at(row, column + 1);
  const ne = at(row + 1, column + 1);
  const nw = at(row + 1, column);
  const index = (sw >= level ? 1 : 0) | (se >= level ? 2 : 0) | (ne >= level ? 4 : 0) | (nw >= level ? 8 : 0);
  if (index === 0 || index === 15) return;
  const part = (from: number, to: number) => (level - from) / (to - from);
  const south = () => [column + part(sw, se), row] as const;
  const east = () => [column + 1, row + part(se, ne)] as const;
  const north = () => [column + part(nw, ne), row + 1] as const;
  const west = () => [column, row + part(sw, nw)] as const;
  const join = (a: readonly [number, number], b: readonly [number, number]) => segments.push([...a, ...b]);
  switch (index) {
    case 1:
    case 14:
      join(west(), south());
      break;
    case 2:
    case 13:
      join(south(), east());
      break;
    case 4:
    case 11:
      join(east(), north());
      break;
    case 8:
    case 7:
      join(north(), west());
      break;
    case 3:
    case 12:
      join(west(), east());
      break;
    case 6:
    case 9:
      join(south(), north());
      break;
    default: {
      const highCentre = (sw + se + ne + nw) / 4 >= level;
      if ((index === 5) === highCentre) {
        join(west(), north());
        join(south(), east());
      } else {
        join(west(), south());
        join(north(), east());
      }
    }
  }
}

/**
 * The part of the grid at or above `level` as polygons in grid units: each cell's square clipped where its edges cross the level
 * (Sutherland–Hodgman 1974 with interpolated values), whole cells of a row joined into one rectangle.
 */
export function polygonsAbove(grid: GridValues, level: number): (readonly [number, number])[][] {
  const polygons: (readonly [number, number])[][] = [];
  const at = (row: number, column: number) => grid.values[row * grid.columns + column]!;
  for (let row = 0; row + 1 < grid.rows; row++) {
    let wholeFrom = -1;
    for (let column = 0; column < grid.columns; column++) {
      const last = column + 1 === grid.columns;
      const corners = last
        ? []
        : ([
            [column, row, at(row, column)],
            [column + 1, row, at(row, column + 1)],
            [column + 1, row + 1, at(row + 1, column + 1)],
            [column, row + 1, at(row + 1, column)],
          ] as const);
      const whole = !last && corners.every((corner) => corner[2] >= level);
      if (whole && wholeFrom < 0) wholeFrom = column;
      if (whole) continue;
      if (wholeFrom >= 0)
        polygons.push([
          [wholeFrom, row],
          [column, row],
          [column, row + 1],
          [wholeFrom, row + 1],
        ]);
      wholeFrom = -1;
      const clipped = clip(corners, level);
      if (clipped.length > 0) polygons.push(clipped);
    }
  }
  return polygons;
}

function clip(corners: readonly (readonly [number, number, number])[], level: number): (readonly [number, number])[] {
  const kept: (readonly [number, number])[] = [];
  corners.forEach(([x, y, value], i) => {
    const [nextX, nextY, nextValue] = corners[(i + 1) % corners.length]!;
    if (value >= level) kept.push([x, y]);
    if (value >= level !== nextValue >= level) {
      const part = (level - value) / (nextValue - value);
      kept.push([x + part * (nextX - x), y + part * (nextY - y)]);
    }
  });
  return kept;
}
