import { type Box, LABEL_SIZE_PX, type Plot } from "./frame.ts";
import type { Occupied } from "./occupied.ts";
import { text } from "./svg.ts";
import { textWidth } from "./text-width.ts";
import { haloOf } from "./theme.ts";

export interface PointLabel {
  text: string;
  /** The point it names, px. */
  x: number;
  y: number;
  /** Of the largest dot that is drawn there, px. */
  radius: number;
  /** A colour as SVG takes it. */
  colour: string;
}

/** Between a dot's edge and its name. */
const GAP_PX = 3.5;
const HEIGHT_PX = 13;

/**
 * Names beside their points. Each takes the place (right, left, above, below, and a line further off) where it covers least of
 * lines, points and the names before it; earlier ones choose first.
 */
export function pointLabels(labels: readonly PointLabel[], plot: Plot, halo: string, occupied?: Occupied): string {
  const taken: Box[] = labels.map(({ x, y, radius }) => ({
    left: x - radius,
    right: x + radius,
    top: y - radius,
    bottom: y + radius,
  }));
  return labels
    .map((label) => {
      const width = textWidth(label.text, LABEL_SIZE_PX, 600);
      const box = places(label, width)
        .map((place, rank) => ({
          place,
          cost: cost(place, taken, plot) + (occupied?.covered(place) ?? 0) + rank * 2,
        }))
        .reduce((best, next) => (next.cost < best.cost ? next : best)).place;
      taken.push(box);
      return text(label.text, {
        x: box.left,
        y: box.bottom - 3,
        "font-size": LABEL_SIZE_PX,
        "font-weight": "600",
        fill: label.colour,
        ...haloOf(halo),
      });
    })
    .join("");
}

function places({ x, y, radius }: PointLabel, width: number): Box[] {
  const at = (left: number, top: number): Box => ({ left, right: left + width, top, bottom: top + HEIGHT_PX });
  const middle = y - HEIGHT_PX / 2;
  const gap = radius + GAP_PX;
  return [0, HEIGHT_PX, 2 * HEIGHT_PX].flatMap((off) => [
    at(x + gap, middle - off),
    at(x - gap - width, middle - off),
    at(x + gap, middle + off),
    at(x - gap - width, middle + off),
    at(x - width / 2, y - gap - HEIGHT_PX - off),
    at(x - width / 2, y + gap + off),
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
