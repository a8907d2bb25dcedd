import type { RunFacts } from "#src/record";
import type { AxisSpec, Size, XyChart } from "../charts/chart.ts";
import { type ColourName, THEMES } from "../charts/theme.ts";
import { xyChart } from "../charts/xy-chart.ts";
import { escapeHtml } from "./html.ts";

/** What the cursor reads from a series at its time. */
export interface Readout {
  name: string;
  colour: ColourName;
  unit: string;
  /** `step`: the value from the last x on; `near`: the value at the nearest x. */
  mode: "step" | "near";
  x: number[];
  y: (number | null)[];
  /** What the values 0, 1, 2 … stand for, where they are no numbers. */
  words?: string[];
}

export interface Key {
  text: string;
  colour: ColourName;
  look: "solid" | "light" | "pale";
}

/** A chart over the run's time, with what the shared cursor says about it. */
export interface TimeFigure {
  id: string;
  /** px */
  height: number;
  chart: XyChart;
  readouts: Readout[];
  keys?: Key[];
}

/** Widths a figure is drawn for, and the room beside the plot; CSS shows the one that fits (see charts.css and media.css). */
const TIME_VARIANTS = [
  { name: "small", width: 350, left: 44, right: 68 },
  { name: "medium", width: 680, left: 52, right: 104 },
  { name: "large", width: 1080, left: 54, right: 108 },
] as const;
const HALF_VARIANTS = [
  { name: "small", width: 350 },
  { name: "medium", width: 680 },
  { name: "large", width: 520 },
] as const;

export function timeAxis(record: Pick<RunFacts, "endMs">): AxisSpec {
  return { label: "", scale: "time", min: 0, max: record.endMs };
}

/** Values rounded to what a reader can use; they are written into the page. */
export function readoutOf(
  name: string,
  colour: ColourName,
  unit: string,
  x: number[],
  y: number[],
  mode: Readout["mode"] = "near",
): Readout {
  return {
    name,
    colour,
    unit,
    mode,
    x: x.map(Math.round),
    y: y.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(4)) : null)),
  };
}

/** A time figure as HTML: title, read-out, and the chart in three widths. */
export function timeFigureHtml(figure: TimeFigure): string {
  const variants = TIME_VARIANTS.map(({ name, width, left, right }) => {
    const chart = { ...figure.chart, margins: { left, right } };
    return svgVariant(chart, { width, height: figure.height }, name);
  });
  const keys = (figure.keys ?? []).map(
    (key) => `<span class="key ${key.look}" style="--key: var(--${key.colour})">${escapeHtml(key.text)}</span>`,
  );
  return `<figure class="card time" id="${figure.id}" data-figure="${figure.id}">
<figcaption><h3>${escapeHtml(figure.chart.title)}</h3>
<p class="what">${escapeHtml(figure.chart.subtitle ?? "")}${keys.length > 0 ? ` <span class="keys">${keys.join("")}</span>` : ""}</p>
<output class="readout" aria-live="off"></output></figcaption>
<div class="plot">${variants.join("")}</div>
</figure>`;
}

/** A figure of half the page's width on large screens. */
export function halfFigureHtml(id: string, chart: XyChart, height: number): string {
  const variants = HALF_VARIANTS.map(({ name, width }) => svgVariant(chart, { width, height }, name));
  return `<figure class="card half" id="${id}">
<figcaption><h3>${escapeHtml(chart.title)}</h3><p class="what">${escapeHtml(chart.subtitle ?? "")}</p></figcaption>
<div class="plot">${variants.join("")}</div>
</figure>`;
}

function svgVariant(chart: XyChart, size: Size, name: string): string {
  return `<div class="variant ${name}">${xyChart(chart, size, THEMES.page)}</div>`;
}
