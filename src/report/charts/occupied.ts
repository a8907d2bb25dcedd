import type { Series } from "./chart.ts";
import type { Box, Plot } from "./frame.ts";
import { pixelPoints } from "./marks.ts";
import type { Scale } from "./scale.ts";

/** Side of a cell, px: about a line's width, so that a cell is either free or not. */
const CELL_PX = 3;

/** Which parts of a plot its lines and dots cover, so that text can stand beside them. */
export class Occupied {
  readonly #plot: Plot;
  readonly #columns: number;
  readonly #cells: Uint8Array;

  constructor(plot: Plot) {
    this.#plot = plot;
    this.#columns = Math.max(1, Math.ceil((plot.right - plot.left) / CELL_PX) + 1);
    this.#cells = new Uint8Array(this.#columns * Math.max(1, Math.ceil((plot.bottom - plot.top) / CELL_PX) + 1));
  }

  /** Takes what a series draws. Areas and bands are light enough to read text over. */
  take(series: Series, x: Scale, y: Scale): void {
    if (series.kind !== "line" && series.kind !== "step" && series.kind !== "scatter") return;
    const radius = series.kind === "scatter" ? dotRadius(series) : 0;
    if (series.kind === "scatter" && radius === 0) return;
    for (const run of pixelPoints(series, x, y, this.#plot).upper) {
      for (const [i, [px, py]] of run.entries()) {
        if (radius > 0) this.#fill({ left: px - radius, right: px + radius, top: py - radius, bottom: py + radius });
        else {
          const [fromX, fromY] = run[i - 1] ?? [px, py];
          if (series.kind === "step") this.#stroke(px, fromY, px, py);
          this.#stroke(fromX, fromY, px, series.kind === "step" ? fromY : py);
        }
      }
    }
  }

  /** px² of a box that are covered, to about a cell. */
  covered(box: Box): number {
    let cells = 0;
    this.#each(box, (index) => {
      cells += this.#cells[index]!;
    });
    return cells * CELL_PX * CELL_PX;
  }

  #fill(box: Box): void {
    this.#each(box, (index) => {
      this.#cells[index] = 1;
    });
  }

  #stroke(fromX: number, fromY: number, toX: number, toY: number): void {
    const steps = Math.max(1, Math.ceil(Math.hypot(toX - fromX, toY - fromY) / CELL_PX));
    for (let step = 0; step <= steps; step++) {
      const px = fromX + ((toX - fromX) * step) / steps;
      const py = fromY + ((toY - fromY) * step) / steps;
      this.#fill({ left: px, right: px, top: py, bottom: py });
    }
  }

  #each(box: Box, visit: (index: number) => void): void {
    const { left, top, right, bottom } = this.#plot;
    const cell = (value: number, from: number) => Math.floor((value - from) / CELL_PX);
    const rows = [cell(Math.max(box.top, top), top), cell(Math.min(box.bottom, bottom), top)] as const;
    const columns = [cell(Math.max(box.left, left), left), cell(Math.min(box.right, right), left)] as const;
    for (let row = rows[0]; row <= rows[1]; row++) {
      for (let column = columns[0]; column <= columns[1]; column++) visit(row * this.#columns + column);
    }
  }
}

/** Radius of a scatter series' dots, px; 0 where there are none to be seen. */
export function dotRadius(series: Series): number {
  if (series.clearance !== undefined) return series.clearance;
  return series.opacity === 0 ? 0 : (series.strokeWidth ?? 5) / 2;
}
