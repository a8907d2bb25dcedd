import { LABEL_SIZE_PX, type Plot } from "./frame.ts";
import { text } from "./svg.ts";
import { textWidth } from "./text-width.ts";
import type { ColourName, Theme } from "./theme.ts";

export interface EndLabel {
  text: string;
  colour: ColourName;
  /** Where the line ends, px. */
  y: number;
}

const LINE_PX = 14;

/** Room that labels at the right edge need, px. */
export function endLabelWidth(labels: string[]): number {
  return Math.max(0, ...labels.map((label) => textWidth(label, LABEL_SIZE_PX, 600))) + (labels.length > 0 ? 10 : 0);
}

/** Names at the ends of their lines, moved apart just as far as they must. */
export function endLabels(labels: EndLabel[], plot: Plot, theme: Theme): string {
  const placed = spread(labels, plot.top + 4, plot.bottom);
  const style = { x: plot.right + 8, "font-size": LABEL_SIZE_PX, "font-weight": "600" };
  return placed
    .map((label) => text(label.text, { ...style, y: label.y + 4, fill: theme.palette[label.colour] }))
    .join("");
}

/** Keeps the order of the lines and a line's height between labels: down from the top, then up from the bottom. */
function spread(labels: EndLabel[], top: number, bottom: number): EndLabel[] {
  const placed = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y);
  let next = top;
  for (const label of placed) {
    label.y = Math.max(label.y, next);
    next = label.y + LINE_PX;
  }
  next = bottom;
  for (const label of placed.toReversed()) {
    label.y = Math.min(label.y, next);
    next = label.y - LINE_PX;
  }
  return placed;
}
