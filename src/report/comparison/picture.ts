import { panels } from "../charts/panels.ts";
import { formatCount, formatPlain } from "../format.ts";
import { forecastFigure, gpusFigure, regretFigure, tradeFigure } from "./figures.ts";
import type { PredictorComparison } from "./input.ts";
import { bestPredictor } from "./rows.ts";

/** A comparison as one SVG of four panels. Same input, same bytes: what predictions cost is not in it. */
export function comparisonPicture(comparison: PredictorComparison): string {
  const { name, strategy, intervalS, sla, requests } = comparison;
  const charts = [
    tradeFigure(comparison),
    regretFigure(comparison).chart,
    forecastFigure(comparison, bestPredictor(comparison)).chart,
    gpusFigure(comparison).chart,
  ];
  return panels(
    `Predictors on ${name}`,
    `${formatCount(requests)} requests, ${strategy} every ${formatPlain(intervalS)} s, TTFT ${formatPlain(sla.ttftMs)} ms, ITL ${formatPlain(sla.itlMs)} ms`,
    charts,
  );
}
