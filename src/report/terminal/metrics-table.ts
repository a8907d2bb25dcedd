import { formatFixed } from "../format.ts";
import { type MetricRow, metricRows } from "../summary/metric-rows.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { type Cell, type Column, cut, grid, gridWidth } from "./grid.ts";
import { ink, type TerminalOptions } from "./ink.ts";

const HEADINGS = ["avg", "min", "max", "p99", "p90", "p50", "std"];

/**
 * AIPerf's table: its rows, its column order, two decimals, `N/A` where a metric has no distribution.
 * Where the terminal is too narrow for it, names get short and large numbers lose their decimals.
 */
export function metricsTable(summary: RunSummary, options: TerminalOptions): string[] {
  const rows = metricRows(summary);
  const heading: Cell[] = ["Metric", ...HEADINGS].map((text) => ({ text, style: "bold" }));
  const long = rows.map((row) => cells(row, `${row.label} (${row.unit})`, () => 2));
  const fits = gridWidth([heading, ...long]) <= options.width;
  const body = fits ? long : rows.map((row) => cells(row, `${row.shortLabel} (${shortUnit(row.unit)})`, fewDigits));
  const columns: Column[] = [{ align: "left" }, ...HEADINGS.map((): Column => ({ align: "right" }))];
  const lines = grid(columns, [heading, ...body], options);
  const width = gridWidth([heading, ...body]);
  const title = cut(`Understudy | LLM Metrics | ${summary.name}`, Math.min(options.width, width));
  return [ink(title, "heading", options), "", lines[0]!, ink("─".repeat(width), "dim", options), ...lines.slice(1)];
}

function cells(row: MetricRow, label: string, digits: (value: number) => number): Cell[] {
  const missing: Cell = { text: "N/A", style: "dim" };
  const number = (value: number): Cell =>
    Number.isFinite(value) ? { text: formatFixed(value, digits(value)) } : missing;
  const value = row.value;
  if (typeof value === "number") return [{ text: label }, number(value), ...HEADINGS.slice(1).map(() => missing)];
  const { mean, min, max, p99, p90, p50, standardDeviation } = value;
  return [{ text: label }, ...[mean, min, max, p99, p90, p50, standardDeviation].map(number)];
}

function fewDigits(value: number): number {
  const size = Math.abs(value);
  return size >= 999.5 ? 0 : size >= 99.95 ? 1 : 2;
}

function shortUnit(unit: string): string {
  return unit.replace("tokens", "tok").replace("requests", "req").replace("/sec", "/s");
}
