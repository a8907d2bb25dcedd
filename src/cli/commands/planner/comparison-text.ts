import { bestPredictor, COMPARISON_COLUMNS, comparisonRows, type PredictorComparison } from "#src/report";
import { textTable } from "../../text-table.ts";

/** @param missing share of the perfect forecast's goodput per GPU; less than 0 where there was more */
function besidePerfect(missing: number): string {
  if (!Number.isFinite(missing)) return "";
  const share = (Math.abs(missing) * 100).toFixed(1);
  if (share === "0.0") return ": as much as a perfect forecast gets";
  return missing > 0
    ? `; ${share} % of what a perfect forecast gets is missing`
    : `: ${share} % more than the strategy gets out of a perfect forecast`;
}

/** A comparison of predictors for a terminal: one table, and what it comes to. */
export function comparisonText(comparison: PredictorComparison): string {
  const rows = comparisonRows(comparison).map(({ cells }) => cells);
  const best = bestPredictor(comparison);
  return `${textTable(COMPARISON_COLUMNS, rows)}
${best.name} got most out of a GPU${besidePerfect(best.regret.perfect.goodputPerGpu)}.
Missing to perfect, to last value: share of the other's goodput per GPU (good requests per GPU-second); −: so much more.
enough: intervals whose load the workers could do, by the profile alone. ms: time to take an interval in and forecast the next.
`;
}
