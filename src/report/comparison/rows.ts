import { formatFixed, formatShare, formatSignificant } from "../format.ts";
import type { ComparedPredictor, PredictorComparison } from "./input.ts";

/** Headings of the comparison's table; the first column is the predictor's name. */
export const COMPARISON_COLUMNS = [
  "predictor",
  "MAE req/s",
  "error",
  "log loss",
  "enough",
  "SLA kept",
  "GPU-hours",
  "good/GPU-s",
  "to perfect",
  "to last value",
  "ms",
] as const;

/** The rows of a comparison, the perfect forecast last (and the last value before it, where it was not among the predictors). */
export function comparisonRows(comparison: PredictorComparison): { predictor: ComparedPredictor; cells: string[] }[] {
  const { predictors, perfect, lastValue } = comparison;
  const more = predictors.includes(lastValue) ? [perfect] : [lastValue, perfect];
  const known = new Set(predictors.map(({ name }) => name));
  return [...predictors, ...more.filter(({ name }) => !known.has(name))].map((predictor) => ({
    predictor,
    cells: cellsOf(predictor),
  }));
}

function cellsOf({ name, forecast, sized, played, regret }: ComparedPredictor): string[] {
  const { msPerInterval } = forecast;
  return [
    name,
    formatSignificant(forecast.maeRequestsPerS),
    percent(forecast.requestsError),
    formatFixed(forecast.logLoss, 3),
    `${sized.enough} of ${sized.intervals}`,
    formatShare(played.attainment),
    formatFixed(played.gpuHours, 2),
    formatSignificant(played.goodputPerGpu),
    signed(regret.perfect.goodputPerGpu),
    signed(regret.lastValue.goodputPerGpu),
    msPerInterval === null ? "–" : msPerInterval < 0.01 ? "< 0.01" : formatSignificant(msPerInterval),
  ];
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${formatFixed(share * 100, 1)} %` : "N/A";
}

/** Regret in goodput per GPU; a gain has a minus. */
function signed(share: number): string {
  if (!Number.isFinite(share)) return "N/A";
  const text = formatFixed(Math.abs(share) * 100, 1);
  return text === "0.0" ? "0.0 %" : `${share < 0 ? "−" : "+"}${text} %`;
}

/** The predictor with the most good requests per GPU-second; of equals the first. */
export function bestPredictor({ predictors }: PredictorComparison): ComparedPredictor {
  return predictors.reduce((best, each) => (each.played.goodputPerGpu > best.played.goodputPerGpu ? each : best));
}
