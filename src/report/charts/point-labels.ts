import { LABEL_SIZE_PX, type Plot } from "./frame.ts";
import { text } from "./svg.ts";
import { textWidth } from "./text-width.ts";

export interface PointLabel {
  text: string;
  /** The point it names, px. */
  x: number;
  y: number;
  /** A colour as SVG takes it. */
  colour: string;
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const GAP_PX = 8;
const HEIGHT_PX = 13;
/** What a label must not cover, around each point. */
const POINT_PX = 5;

/**
 * Names beside their points. Each takes the place (right, left, above, below, and a line further off) where it covers least of
 * the points and of the names before it; earlier ones choose first.
 */
export function pointLabels(labels: readonly PointLabel[], plot: Plot, halo: string): string {
  const taken: Box[] = labels.map(({ x, y }) => ({
    left: x - POINT_PX,
    right: x + POINT_PX,
    top: y - POINT_PX,
    bottom: y + POINT_PX,
  }));
  return labels
    .map((label) => {
      const width = textWidth(label.text, LABEL_SIZE_PX, 600);
      const box = places(label, width)
        .map((place, rank) => ({ place, cost: cost(place, taken, plot) + rank * 2 }))
        .reduce((best, next) => (next.cost < best.cost ? next : best)).place;
      taken.push(box);
      return text(label.text, {
        x: box.left,
        y: box.bottom - 3,
        "font-size": LABEL_SIZE_PX,
        "font-weight": "600",
        fill: label.colour,
        stroke: halo,
        "stroke-width": 3,
        "stroke-linejoin": "round",
        "paint-order": "stroke",
      });
    })
    .join("");
}

function places({ x, y }: PointLabel, width: number): Box[] {
  const at = (left: number, top: number): Box => ({ left, right: left + width, top, bottom: top + HEIGHT_PX });
  const middle = y - HEIGHT_PX / 2;
  return [0, HEIGHT_PX, 2 * HEIGHT_PX].flatMap((off) => [
    at(x + GAP_PX, middle - off),
    at(x - GAP_PX - width, middle - off),
    at(x + GAP_PX, middle + off),
    at(x - GAP_PX - width, middle + off),
    at(x - width / 2, y - GAP_PX - HEIGHT_PX - off),
    at(x - width / 2, y + GAP_PX + off),
  ]);
}

/** Area covered, px²; leaving the plot counts many times. */
function cost(box: Box, taken: readonly Box[], plot: Plot): number {
  let covered = 0;
  for (const other of taken) {
    const width = Math.min(box.right, other.right) - Math.max(box.left, other.left);
    const height = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
    if (width > 0 && height > 0) covered += width * height;
  }
  const outside =
    Math.max(0, plot.left - box.left) +
    Math.max(0, box.right - plot.right) +
    Math.max(0, plot.top - box.top) +
    Math.max(0, box.bottom - plot.bottom);
  return covered + outside * 100;
}
