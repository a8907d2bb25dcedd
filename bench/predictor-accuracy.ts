/** `npm run bench -- --accuracy`: how well the ensemble forecasts made series, beside the predictors that it must not be behind. */
import { writeFileSync } from "node:fs";
import {
  arimaPredictor,
  constantPredictor,
  ensemblePredictor,
  kalmanPredictor,
  type Predictor,
  prophetPredictor,
} from "#planner/predictors";
import { loadProphet } from "#planner/sources";
import { drawnSeries, fixedSeries, otherSeries } from "./predictor-series.ts";

/** Forecasts count from the one of the tenth value on, as in the recorded comparison of Dynamo's predictors. */
const FIRST_SCORED = 9;
/** Errors below this share of the series' mean count as none. */
const MAE_FLOOR = 1e-3;
/** The ensemble may be worse than the last value by that on no series of the recorded kinds. */
const WORST_PROMISED = 1.1;
/** Of the recorded kinds, the ensemble is to be as good as the best on this many. */
const GOAL = 8;
const ROUNDING = 1 + 1e-9;

export interface AccuracyRow {
  kind: string;
  /** One of the kinds that Dynamo's predictors were recorded on; the best of the others is with Prophet there. */
  isRecorded: boolean;
  seeds: number;
  /** Sums of the mean absolute errors over the seeds. */
  ensemble: number;
  lastValue: number;
  best: number;
  /** Share of the seeds on which the ensemble is as good as the best of the others. */
  asGood: number;
  /** Largest ratio of the ensemble's error to the last value's. */
  worst: number;
}

export interface AccuracyBenchOptions {
  only: string;
  seeds: number;
  json: string | null;
  progress: (text: string) => void;
}

type Predictors = Record<string, () => Predictor>;

/** Measures, prints the table, and says whether every promise held. */
export async function runAccuracyBench({ only, seeds, json, progress }: AccuracyBenchOptions): Promise<boolean> {
  const prophet = await loadProphet();
  const quick: Predictors = {
    constant: constantPredictor,
    arima: arimaPredictor,
    "arima log1p": () => arimaPredictor({ log1p: true }),
    kalman: kalmanPredictor,
    "kalman log1p": () => kalmanPredictor({ log1p: true }),
    "kalman q 10,1 r 1": () => kalmanPredictor({ qLevel: 10, qTrend: 1, r: 1, minPoints: 3 }),
  };
  const all: Predictors = {
    ...quick,
    prophet: () => prophetPredictor(prophet),
    "prophet log1p": () => prophetPredictor(prophet, { log1p: true }),
  };
  const rows: AccuracyRow[] = [];
  for (const [kind, draw] of Object.entries({ ...fixedSeries, ...drawnSeries, ...otherSeries })) {
    if (!kind.includes(only)) continue;
    progress(kind);
    const isRecorded = !(kind in otherSeries);
    const count = kind in fixedSeries ? 1 : seeds;
    const series = Array.from({ length: count }, (_, i) => draw(i + 1));
    rows.push(score(kind, isRecorded, series, isRecorded ? all : quick));
  }
  progress("");
  if (rows.length === 0) return true;
  console.log(accuracyTable(rows).join("\n"));
  if (json !== null) writeFileSync(json, `${JSON.stringify(rows, null, 1)}\n`);
  const broken = brokenAccuracyPromises(rows);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  return broken.length === 0;
}

function score(kind: string, isRecorded: boolean, series: readonly number[][], others: Predictors): AccuracyRow {
  const row: AccuracyRow = {
    kind,
    isRecorded,
    seeds: series.length,
    ensemble: 0,
    lastValue: 0,
    best: 0,
    asGood: 0,
    worst: 0,
  };
  for (const values of series) {
    const floor = (MAE_FLOOR * values.reduce((sum, value) => sum + value, 0)) / values.length;
    const ensemble = meanAbsoluteError(ensemblePredictor(), values);
    const lastValue = meanAbsoluteError(constantPredictor(), values);
    const best = Math.min(...Object.values(others).map((make) => meanAbsoluteError(make(), values)));
    row.ensemble += ensemble;
    row.lastValue += lastValue;
    row.best += best;
    if (ensemble <= Math.max(best, floor) * ROUNDING) row.asGood += 1 / series.length;
    row.worst = Math.max(row.worst, ensemble / Math.max(lastValue, floor));
  }
  return row;
}

function meanAbsoluteError(predictor: Predictor, values: readonly number[]): number {
  let sum = 0;
  values.forEach((value, k) => {
    if (k >= FIRST_SCORED) sum += Math.abs(predictor.predict() - value);
    predictor.add(value);
  });
  return sum / (values.length - FIRST_SCORED);
}

export function accuracyTable(rows: readonly AccuracyRow[]): string[] {
  const recorded = rows.filter(({ isRecorded }) => isRecorded);
  const asGood = recorded.reduce((sum, row) => sum + row.asGood, 0);
  return [
    "| series | seeds | error ÷ last value's | worst | error ÷ best other's | as good as the best |",
    "|---|---|---|---|---|---|",
    ...rows.map(
      ({ kind, isRecorded, seeds, ensemble, lastValue, best, asGood, worst }) =>
        `| ${kind}${isRecorded ? "" : " *"} | ${seeds} | ${ratio(ensemble, lastValue)} | ${worst.toFixed(2)} | ${ratio(ensemble, best)} | ${(100 * asGood).toFixed(0)} % |`,
    ),
    "",
    `Of the ${recorded.length} recorded kinds, the ensemble is as good as the best other on ${asGood.toFixed(1)} on average (goal: ${GOAL} of 11).`,
  ];
}

/** Errors of nothing have no ratio. */
function ratio(error: number, other: number): string {
  return other < 1e-2 ? (error < 1e-2 ? "both 0" : "–") : (error / other).toFixed(2);
}

export function brokenAccuracyPromises(rows: readonly AccuracyRow[]): string[] {
  return rows
    .filter(({ isRecorded, worst }) => isRecorded && !(worst <= WORST_PROMISED * ROUNDING))
    .map(
      ({ kind, worst }) =>
        `${kind}: ${worst.toFixed(3)} times the last value's error, promised at most ${WORST_PROMISED}`,
    );
}
