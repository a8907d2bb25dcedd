import type { Span } from "./chart.ts";
import type { Plot } from "./frame.ts";
import type { Scale } from "./scale.ts";
import { element, text } from "./svg.ts";
import type { Theme } from "./theme.ts";

const LABEL_SIZE_PX = 10;
/** Labels closer than this to the one before are left out: they would lie over each other. */
const LABEL_ROOM_PX = 11;

/** Spans of the x axis behind the series: a line where each begins, a shade for as long as it lasts, its label above the plot. */
export function spansSvg(spans: readonly Span[], x: Scale, plot: Plot, theme: Theme): string {
  const height = plot.bottom - plot.top;
  let labelledPx = Number.NEGATIVE_INFINITY;
  const parts = spans.flatMap(({ from, to, label }) => {
    const left = Math.max(plot.left, Math.min(plot.right, x.at(from)));
    const right = Math.max(left, Math.min(plot.right, x.at(to)));
    const colour = theme.palette.limit;
    const shade = element("rect", {
      x: left,
      y: plot.top,
      width: right - left,
      height,
      fill: colour,
      "fill-opacity": 0.08,
    });
    const line = element("path", {
      d: `M${Math.round(left * 2) / 2} ${plot.top}V${plot.bottom}`,
      stroke: colour,
      "stroke-width": 1,
      "stroke-dasharray": "2 3",
    });
    const named = left - labelledPx >= LABEL_ROOM_PX;
    if (named) labelledPx = left;
    const style = { x: left, y: plot.top - 2, "font-size": LABEL_SIZE_PX, fill: colour, "text-anchor": "middle" };
    return [right > left ? shade : "", line, named ? text(label, style) : ""];
  });
  return parts.join("");
}
