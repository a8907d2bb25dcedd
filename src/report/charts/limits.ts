import type { Limit } from "./chart.ts";
import { type Box, LABEL_SIZE_PX, type Plot } from "./frame.ts";
import type { Occupied } from "./occupied.ts";
import type { Scale } from "./scale.ts";
import { element, text } from "./svg.ts";
import { textWidth } from "./text-width.ts";
import { haloOf, type Theme } from "./theme.ts";

const GAP_PX = 5;
/** From the baseline of a label to its top, and to its bottom, px. */
const ASCENT_PX = 10;
const DESCENT_PX = 3;

/** A limit as a red dashed line, named where that covers least of what is drawn. */
export function limitSvg(
  limit: Limit,
  { x, y }: { x: Scale; y: Scale },
  plot: Plot,
  theme: Theme,
  occupied: Occupied,
): string {
  const colour = theme.palette.limit;
  const stroke = { stroke: colour, "stroke-width": 1.5, "stroke-dasharray": "6 4", fill: "none" };
  const width = textWidth(limit.label, LABEL_SIZE_PX, 600);
  const upright = limit.axis === "x";
  const at = Math.round(upright ? x.at(limit.value) : y.at(limit.value));
  const places = (upright ? besideUpright(at, width, plot) : besideLevel(at, width, plot)).filter((place) =>
    fits(boxOf(place, width), plot),
  );
  const place = places.reduce<Place | undefined>((best, next) => {
    const cost = ({ left, baseline }: Place) => occupied.covered(boxOf({ left, baseline }, width));
    return best === undefined || cost(next) < cost(best) ? next : best;
  }, undefined) ?? { left: plot.left + GAP_PX, baseline: plot.bottom - GAP_PX };
  const d = upright ? `M${at} ${plot.top}V${plot.bottom}` : `M${Math.round(plot.left)} ${at}H${Math.round(plot.right)}`;
  return (
    element("path", { d, ...stroke }) +
    text(limit.label, {
      "font-size": LABEL_SIZE_PX,
      "font-weight": "600",
      fill: colour,
      ...haloOf(theme.palette.card),
      x: place.left,
      y: place.baseline,
    })
  );
}

interface Place {
  left: number;
  baseline: number;
}

/** At the foot of the line, then at its head, on its right before its left. */
function besideUpright(at: number, width: number, plot: Plot): Place[] {
  return [plot.bottom - 9, plot.top + ASCENT_PX].flatMap((baseline) => [
    { left: at + GAP_PX, baseline },
    { left: at - GAP_PX - width, baseline },
  ]);
}

/** Above the line's beginning, then its end, then its middle; then below it. */
function besideLevel(at: number, width: number, plot: Plot): Place[] {
  const lefts = [plot.left + 6, plot.right - 6 - width, (plot.left + plot.right - width) / 2];
  return [at - GAP_PX, at + 14].flatMap((baseline) => lefts.map((left) => ({ left, baseline })));
}

function boxOf({ left, baseline }: Place, width: number): Box {
  return { left, right: left + width, top: baseline - ASCENT_PX, bottom: baseline + DESCENT_PX };
}

/** A label may reach into the room of the axis label above the plot, but not beyond its sides or its foot. */
function fits(box: Box, plot: Plot): boolean {
  return box.left >= plot.left && box.right <= plot.right && box.top >= plot.top - 1 && box.bottom <= plot.bottom;
}
