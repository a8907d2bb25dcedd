import type { ScaleKind } from "./scale.ts";
import type { ColourName } from "./theme.ts";

export interface AxisSpec {
  /** What is measured, with its unit: `TTFT (ms)`. Shares add theirs by themselves; times have it at every tick and need no label. */
  label: string;
  /** Default `linear`. */
  scale?: ScaleKind;
  /** Ends of the axis; what is not given follows from the data, and linear axes then begin at 0. */
  min?: number;
  max?: number;
}

/** How a series is drawn. A band fills between `lower` and `y`, an area between 0 and `y`; step kinds hold a value until the next x. */
export type SeriesKind = "line" | "step" | "area" | "stepArea" | "band" | "scatter";

export interface Series {
  /** Stands at the end of the line; empty for none. */
  name: string;
  /** For narrow pictures. */
  shortName?: string;
  kind: SeriesKind;
  colour: ColourName;
  x: ArrayLike<number>;
  /** NaN breaks the line. */
  y: ArrayLike<number>;
  lower?: ArrayLike<number>;
  dashed?: boolean;
  /** 0..1, of line and fill. */
  opacity?: number;
  /** px; default 1.75. */
  strokeWidth?: number;
  /** Room around its points that names keep off, px, where something else draws the points; else the dots' own. */
  clearance?: number;
  /** Names beside single points, by index; empty or absent for none. */
  pointLabels?: readonly string[];
}

/** A line that must not be crossed: red and dashed, with its label on it. */
export interface Limit {
  value: number;
  label: string;
  /** The axis on which `value` stands. Default `y`. */
  axis?: "x" | "y";
}

/** A short tick on the time axis: something happened here. */
export interface EventMark {
  x: number;
  colour: ColourName;
}

/** Something that lasted over a part of the time axis. */
export interface Span {
  from: number;
  /** Equal to `from` where it was over at once. */
  to: number;
  /** Short: a number. */
  label: string;
}

export interface Size {
  width: number;
  height: number;
}

export interface XyChart {
  /** The one message of the chart. */
  title: string;
  /** What is drawn, in a few words. */
  subtitle?: string;
  x: AxisSpec;
  y: AxisSpec;
  series: Series[];
  limits?: Limit[];
  events?: EventMark[];
  /** In order of their beginnings. */
  spans?: Span[];
  /** Fixed room left and right of the plot, px, so that charts below each other share their time axis. */
  margins?: { left?: number; right?: number };
}
