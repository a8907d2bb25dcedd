import { bestPredictor, COMPARISON_COLUMNS, comparisonRows, type PredictorComparison } from "#src/report";
import { textTable } from "../../text-table.ts";

/** A comparison of predictors for a terminal: one table, and what it comes to. */
export function comparisonText(comparison: PredictorComparison): string {
  const rows = comparisonRows(comparison).map(({ cells }) => cells);
  const best = bestPredictor(comparison);
  const left = (best.regret.perfect.goodputPerGpu * 100).toFixed(1);
  return `${textTable(COMPARISON_COLUMNS, rows)}
${best.name} got most out of a GPU; ${left} % of what a perfect forecast gets is missing.
Missing to perfect, to last value: share of the other's goodput per GPU (good requests per GPU-second). enough: intervals whose
load the workers could do, by the profile alone. ms: time to take an interval in and forecast the next.
`;
}
