import type { Timer, Verdict } from "./operation.ts";

/** A way to time an operation, by one size or two; NaN where it has no answer. */
export interface Source {
  /** Index in ORIGINS. */
  rank: number;
  micros(x: number, y: number): number;
  /** Whether the last answer of this source was bounded. */
  adjusted?(): boolean;
}

/** Answers with the first source that knows; the last one always does. */
export function ladderTimer(sources: readonly Source[]): Timer {
  const verdict: Verdict = { rank: 0, adjusted: false };
  return {
    verdict,
    micros: (x, y) => {
      for (const source of sources) {
        const us = source.micros(x, y);
        if (Number.isNaN(us)) continue;
        verdict.rank = source.rank;
        verdict.adjusted = source.adjusted?.() ?? false;
        return us;
      }
      return Number.NaN;
    },
  };
}

const NODES_PER_OCTAVE_LINE = 4;
const NODES_PER_OCTAVE_PLANE = 2;
/** Sizes that are sampled, in doublings; beyond them the last slope goes on. */
const LINE_OCTAVES = 20;
const PLANE_OCTAVES = { x: 12, y: 20 };
/** A bound that moves a time by less than this share is rounding, not an artefact. */
const NOTICED = 0.02;

/**
 * The same times, but never falling while the size grows: more work is not done faster, so what says so is an artefact of the
 * measurement, and the smaller size gets the time of the larger one. Sampled on a logarithmic grid once, then interpolated.
 */
export function risingTimer(timer: Timer): Timer {
  const verdict: Verdict = { rank: 0, adjusted: false };
  let line: Grid | undefined;
  return {
    verdict,
    micros: (x) => {
      line ??= sampleLine(timer);
      const at = Math.max(0, Math.log2(x) * NODES_PER_OCTAVE_LINE);
      const i = Math.min(line.columns - 2, Math.floor(at));
      const share = at - i;
      verdict.rank = Math.max(line.rank[i]!, line.rank[i + 1]!);
      verdict.adjusted = (line.adjusted[i]! | line.adjusted[i + 1]!) === 1;
      return Math.exp(line.log[i]! + (line.log[i + 1]! - line.log[i]!) * share);
    },
  };
}

/** As `risingTimer`, for times by two sizes: neither may grow and save time. */
export function risingPlaneTimer(timer: Timer): Timer {
  const verdict: Verdict = { rank: 0, adjusted: false };
  let plane: Grid | undefined;
  return {
    verdict,
    micros: (x, y) => {
      plane ??= samplePlane(timer);
      const atX = Math.max(0, Math.log2(x) * NODES_PER_OCTAVE_PLANE);
      const atY = Math.max(0, Math.log2(y) * NODES_PER_OCTAVE_PLANE);
      const row = Math.min(plane.rows - 2, Math.floor(atX));
      const column = Math.min(plane.columns - 2, Math.floor(atY));
      const shareX = atX - row;
      const shareY = atY - column;
      const at = row * plane.columns + column;
      const below = at + plane.columns;
      const { log, rank, adjusted } = plane;
      verdict.rank = Math.max(rank[at]!, rank[at + 1]!, rank[below]!, rank[below + 1]!);
      verdict.adjusted = (adjusted[at]! | adjusted[at + 1]! | adjusted[below]! | adjusted[below + 1]!) === 1;
      const upper = log[at]! + (log[at + 1]! - log[at]!) * shareY;
      const lower = log[below]! + (log[below + 1]! - log[below]!) * shareY;
      return Math.exp(upper + (lower - upper) * shareX);
    },
  };
}

interface Grid {
  rows: number;
  columns: number;
  log: Float64Array;
  rank: Uint8Array;
  adjusted: Uint8Array;
}

function emptyGrid(rows: number, columns: number): Grid {
  const size = rows * columns;
  return { rows, columns, log: new Float64Array(size), rank: new Uint8Array(size), adjusted: new Uint8Array(size) };
}

function sampleLine(timer: Timer): Grid {
  const columns = LINE_OCTAVES * NODES_PER_OCTAVE_LINE + 1;
  const grid = emptyGrid(1, columns);
  for (let i = columns - 1; i >= 0; i--) {
    sample(grid, i, timer, 2 ** (i / NODES_PER_OCTAVE_LINE), 0);
    if (i < columns - 1) bound(grid, i, i + 1);
  }
  return grid;
}

function samplePlane(timer: Timer): Grid {
  const rows = PLANE_OCTAVES.x * NODES_PER_OCTAVE_PLANE + 1;
  const columns = PLANE_OCTAVES.y * NODES_PER_OCTAVE_PLANE + 1;
  const grid = emptyGrid(rows, columns);
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      const at = row * columns + column;
      sample(grid, at, timer, 2 ** (row / NODES_PER_OCTAVE_PLANE), 2 ** (column / NODES_PER_OCTAVE_PLANE));
      if (column < columns - 1) bound(grid, at, at + 1);
      if (row < rows - 1) bound(grid, at, at + columns);
    }
  }
  return grid;
}

function sample(grid: Grid, at: number, timer: Timer, x: number, y: number): void {
  // A collective of one GPU takes no time, and its logarithm must stay a number.
  grid.log[at] = Math.log(Math.max(timer.micros(x, y), Number.MIN_VALUE));
  grid.rank[at] = timer.verdict.rank;
  grid.adjusted[at] = timer.verdict.adjusted ? 1 : 0;
}

function bound(grid: Grid, at: number, by: number): void {
  const excess = grid.log[at]! - grid.log[by]!;
  if (excess <= 0) return;
  grid.log[at] = grid.log[by]!;
  grid.rank[at] = Math.max(grid.rank[at]!, grid.rank[by]!);
  if (excess > NOTICED) grid.adjusted[at] = 1;
}
