import { metricRows, type RunSummary } from "#src/report";

const STATISTICS = ["avg", "min", "max", "sum", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "std"];

/**
 * profile_export_aiperf.csv: AIPerf's two sections, metrics with a distribution and, after an empty line, those of one value;
 * each by name, two decimals.
 */
export function aiperfCsv(summary: RunSummary, extra: readonly (readonly [label: string, value: number])[]): string {
  const rows = metricRows(summary).toSorted((a, b) => (a.label < b.label ? -1 : 1));
  const named = (label: string, unit: string) => cell(unit === "requests" ? label : `${label} (${unit})`);
  const lines = [["Metric", ...STATISTICS].join(",")];
  const single: [string, string][] = extra.map(([label, value]) => [cell(label), number(value)]);
  for (const { label, unit, value } of rows) {
    if (typeof value === "number") {
      single.push([named(label, unit), unit === "requests" ? String(value) : number(value)]);
      continue;
    }
    const { mean: avg, standardDeviation: std, count } = value;
    const statistics: Record<string, number> = { ...value, avg, std, sum: avg * count };
    lines.push([named(label, unit), ...STATISTICS.map((name) => number(statistics[name]!))].join(","));
  }
  single.sort(([a], [b]) => (a < b ? -1 : 1));
  return [...lines, "", "Metric,Value", ...single.map((row) => row.join(",")), ""].join("\r\n");
}

function number(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : "";
}

function cell(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
