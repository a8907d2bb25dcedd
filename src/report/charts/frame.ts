import type { AxisSpec, Size } from "./chart.ts";
import type { Scale } from "./scale.ts";
import { element, text } from "./svg.ts";
import { textWidth } from "./text-width.ts";
import { FONT_FAMILY, type Theme } from "./theme.ts";

export const TICK_SIZE_PX = 11;
export const LABEL_SIZE_PX = 11.5;
const TITLE_SIZE_PX = 15;
const SUBTITLE_SIZE_PX = 12;
const TITLE_LINE_PX = 20;

/** A rectangle, px. */
export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The plot's rectangle inside the picture. */
export type Plot = Box;

export interface Heading {
  title: string;
  subtitle?: string | undefined;
}

/** Lines of the title that fit into `width`. */
function titleLines(title: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of title.split(" ")) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && textWidth(longer, TITLE_SIZE_PX, 600) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Room that the heading takes, px; 0 in a page, which has its own. */
export function headingHeight(heading: Heading, size: Size, theme: Theme): number {
  if (!theme.standalone) return 0;
  const lines = titleLines(heading.title, size.width - 28).length;
  return 14 + lines * TITLE_LINE_PX + (heading.subtitle === undefined ? 0 : 18);
}

/** Title and subtitle of a standalone picture. */
export function headingSvg(heading: Heading, size: Size, theme: Theme): string {
  if (!theme.standalone) return "";
  const { palette } = theme;
  const lines = titleLines(heading.title, size.width - 28);
  const style = { x: 14, "font-size": TITLE_SIZE_PX, "font-weight": "600", fill: palette.ink };
  const parts = lines.map((line, i) => text(line, { ...style, y: 24 + i * TITLE_LINE_PX }));
  if (heading.subtitle !== undefined) {
    const y = 24 + lines.length * TITLE_LINE_PX - 1;
    parts.push(text(heading.subtitle, { x: 14, y, "font-size": SUBTITLE_SIZE_PX, fill: palette.muted }));
  }
  return parts.join("");
}

/** The outermost element: size, font, background, and the title for screen readers. */
export function picture(heading: Heading, size: Size, theme: Theme, plot: Plot, children: string[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${size.width} ${size.height}`,
    width: size.width,
    height: size.height,
    role: "img",
    "aria-label": heading.title,
    "font-family": theme.standalone ? FONT_FAMILY : undefined,
    "data-plot": theme.standalone
      ? undefined
      : [plot.left, plot.right, plot.top, plot.bottom].map(Math.round).join(" "),
  };
  const background = theme.standalone
    ? element("rect", { width: size.width, height: size.height, fill: theme.palette.card })
    : "";
  return element("svg", attributes, [background, headingSvg(heading, size, theme), ...children]);
}

/** Width of the widest tick label, px. */
export function tickLabelWidth(scale: Scale): number {
  return Math.max(0, ...scale.ticks.map((tick) => textWidth(tick.label, TICK_SIZE_PX)));
}

/** Room below the plot for tick labels and the axis label, px. */
export function footHeight(axis: AxisSpec): number {
  return axis.label === "" ? 24 : 40;
}

/** Label of an axis with the unit of its ticks. */
export function axisLabel(axis: AxisSpec, scale: Scale): string {
  return scale.unit === null ? axis.label : `${axis.label} (${scale.unit})`;
}

/** The two axes of a plot. */
export interface Axes {
  x: { spec: AxisSpec; scale: Scale };
  y: { spec: AxisSpec; scale: Scale };
  /** Horizontal grid lines; a surface would hide them. */
  gridLines: boolean;
}

/** Grid lines, tick labels and axis labels. */
export function axesSvg(axes: Axes, plot: Plot, theme: Theme): string {
  const { palette } = theme;
  const [xScale, yScale] = [axes.x.scale, axes.y.scale];
  const parts: string[] = [];
  const gridLines = yScale.ticks.map(
    (tick) => `M${Math.round(plot.left)} ${snap(yScale.at(tick.value))}H${Math.round(plot.right)}`,
  );
  if (axes.gridLines) parts.push(element("path", { d: gridLines.join(""), stroke: palette.grid, "stroke-width": 1 }));
  const small = { "font-size": TICK_SIZE_PX, fill: palette.muted };
  for (const tick of yScale.ticks) {
    parts.push(text(tick.label, { ...small, x: plot.left - 7, y: yScale.at(tick.value) + 4, "text-anchor": "end" }));
  }
  const base = snap(plot.bottom);
  const stubs = xScale.ticks.map((tick) => `M${snap(xScale.at(tick.value))} ${base}v4`).join("");
  parts.push(
    element("path", {
      d: `M${Math.round(plot.left)} ${base}H${Math.round(plot.right)}${stubs}`,
      stroke: palette.line,
      "stroke-width": 1,
    }),
  );
  const label = axisLabel(axes.x.spec, xScale);
  const yLabelLeft = Math.max(0, plot.left - 7 - tickLabelWidth(yScale));
  for (const tick of xScale.ticks) {
    const at = xScale.at(tick.value);
    parts.push(text(tick.label, { ...small, x: at, y: plot.bottom + 17, "text-anchor": "middle" }));
  }
  if (label !== "") {
    const x = (plot.left + plot.right) / 2;
    parts.push(text(label, { ...small, x, y: plot.bottom + 33, "text-anchor": "middle" }));
  }
  parts.push(text(axisLabel(axes.y.spec, yScale), { ...small, x: yLabelLeft, y: plot.top - 12 }));
  return parts.join("");
}

/** The middle of a pixel, for crisp one-pixel lines. */
function snap(value: number): number {
  return Math.floor(value) + 0.5;
}
