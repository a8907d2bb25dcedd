import type { Series, XyChart } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import { formatFixed, formatPlain, formatShare } from "../format.ts";
import { readoutOf, type TimeFigure, timeAxis } from "../page/figure.ts";
import type { ComparedPredictor, PredictorComparison } from "./input.ts";
import { bestPredictor, comparisonRows } from "./rows.ts";

/** Lines of predictors in turn, dashed from the fifth on; the last value and the perfect forecast are grey and black. */
const COLOURS: readonly ColourName[] = ["accent", "good", "warn", "forecast"];

export function endOf({ loads, intervalS }: PredictorComparison): number {
  return loads.length * intervalS * 1000;
}

function colours(comparison: PredictorComparison): Map<ComparedPredictor, ColourName> {
  const { predictors, lastValue, perfect } = comparison;
  const found = new Map<ComparedPredictor, ColourName>([
    [lastValue, "muted"],
    [perfect, "ink"],
  ]);
  const coloured = predictors.filter((predictor) => predictor !== lastValue);
  coloured.forEach((predictor, i) => {
    found.set(predictor, COLOURS[i % COLOURS.length]!);
  });
  return found;
}

/** What each predictor bought: SLA attainment over GPU-hours. */
export function tradeFigure(comparison: PredictorComparison): XyChart {
  const { played, name } = bestPredictor(comparison);
  const colour = colours(comparison);
  const rows = comparisonRows(comparison).map(({ predictor }) => predictor);
  const hours = rows.map((predictor) => predictor.played.gpuHours);
  const [least, most] = [Math.min(...hours), Math.max(...hours)];
  const room = Math.max(0.25 * (most - least), 0.02 * most);
  return {
    title: `${name} got most out of a GPU: ${formatShare(played.attainment, 1)} kept the SLA for ${formatFixed(played.gpuHours, 2)} GPU-hours`,
    subtitle: "SLA attainment over GPU-hours; up and left is better",
    x: { label: "GPU-hours", min: Math.max(0, least - room), max: most + 2 * room },
    y: { label: "requests that kept the SLA", scale: "share", ...shareRange(rows) },
    series: rows.map((predictor, i) => point(predictor, hours[i]!, colour.get(predictor)!)),
  };
}

/** Whether better forecasts were worth anything: SLA attainment over the forecasts' error. */
export function worthFigure(comparison: PredictorComparison): XyChart {
  const colour = colours(comparison);
  const rows = comparisonRows(comparison).map(({ predictor }) => predictor);
  const errors = rows.map(({ forecast }) => forecast.requestsError * 100);
  const { perfect, lastValue } = comparison;
  const kept = ({ played }: ComparedPredictor) => formatShare(played.attainment, 0);
  return {
    title: `A perfect forecast keeps the SLA of ${kept(perfect)} of the requests, the last value of ${kept(lastValue)}`,
    subtitle: "SLA attainment over the error of the requests' forecasts",
    x: { label: "error of forecasts (%)", min: 0, max: 1.35 * Math.max(...errors, 1) },
    y: { label: "requests that kept the SLA", scale: "share", ...shareRange(rows) },
    series: rows.map((predictor, i) => point(predictor, errors[i]!, colour.get(predictor)!)),
  };
}

function point(predictor: ComparedPredictor, x: number, colour: ColourName): Series {
  const shown = { x: [x], y: [predictor.played.attainment], pointLabels: [predictor.name] };
  return { name: "", kind: "scatter", colour, strokeWidth: 9, ...shown };
}

function shareRange(rows: readonly ComparedPredictor[]): { min: number; max: number } {
  const lowest = Math.min(...rows.map(({ played }) => played.attainment).filter(Number.isFinite));
  return { min: Math.max(0, lowest - 0.15 * (1 - lowest) - 0.01), max: 1 };
}

/** Loss beyond the last value's, summed up over time: falling lines are predictors that earn their keep. */
export function regretFigure(comparison: PredictorComparison): TimeFigure {
  const { predictors, lastValue, intervalS } = comparison;
  const colour = colours(comparison);
  const drawn = predictors.filter((predictor) => predictor !== lastValue);
  const x = comparison.loads.map((_, i) => (i + 1) * intervalS * 1000);
  const better = predictors.filter((predictor) => predictor.regret.lastValue.logLoss < 0).length;
  return {
    id: "regret",
    height: 220,
    readouts: drawn.map((predictor) =>
      readoutOf(predictor.name, colour.get(predictor)!, "", x, [...predictor.cumulatedRegret], "step"),
    ),
    chart: {
      title: `${better === 0 ? "No predictor" : `${better} of ${drawn.length}`} foretold the load better than its last value`,
      subtitle: "log loss beyond the last value's, summed up; lower is better",
      x: timeAxis({ endMs: endOf(comparison) }),
      y: { label: "cumulated regret" },
      series: [
        ...drawn.map(
          (predictor, i): Series => ({
            name: predictor.name,
            kind: "line",
            colour: colour.get(predictor)!,
            dashed: i >= COLOURS.length,
            x,
            y: predictor.cumulatedRegret,
          }),
        ),
        { name: "last value", kind: "line", colour: "muted", dashed: true, x, y: x.map(() => 0) },
      ],
    },
  };
}

/** What came and what a predictor had foretold. */
export function forecastFigure(comparison: PredictorComparison, predictor: ComparedPredictor): TimeFigure {
  const { intervalS, loads } = comparison;
  const { requestsError } = predictor.forecast;
  const x = [...loads.map((_, i) => i * intervalS * 1000), endOf(comparison)];
  const held = (values: number[]) => [...values, values.at(-1)!];
  const actual = held(loads.map(({ requests }) => requests / intervalS));
  const made = held(predictor.forecasts.map((forecast) => (forecast?.requests ?? Number.NaN) / intervalS));
  return {
    id: `forecast-${predictor.name.replace(/[^\w-]+/g, "-")}`,
    height: 150,
    readouts: [
      readoutOf("requests", "ink", "/s", x, actual, "step"),
      readoutOf("forecast", "forecast", "/s", x, made, "step"),
    ],
    chart: {
      title: Number.isFinite(requestsError)
        ? `${predictor.name}: forecasts ${formatFixed(requestsError * 100, 1)} % off`
        : `${predictor.name}: too few intervals to judge a forecast`,
      subtitle: `requests per second by intervals of ${formatPlain(intervalS)} s; dashed: forecast`,
      x: timeAxis({ endMs: endOf(comparison) }),
      y: { label: "requests/s", min: 0 },
      series: [
        { name: "requests", kind: "step", colour: "ink", x, y: actual },
        { name: "forecast", kind: "step", colour: "forecast", dashed: true, x, y: made },
      ],
    },
  };
}

/** GPUs that the planner held with the best predictor and with a perfect forecast. */
export function gpusFigure(comparison: PredictorComparison): TimeFigure {
  const best = bestPredictor(comparison);
  const colour = colours(comparison);
  const { perfect } = comparison;
  const lines = [best, perfect].map((predictor) => ({
    predictor,
    x: [...predictor.played.gpus.atMs],
    y: [...predictor.played.gpus.count],
    colour: colour.get(predictor)!,
  }));
  return {
    id: "gpus",
    height: 180,
    readouts: lines.map(({ predictor, x, y, colour }) => readoutOf(predictor.name, colour, " GPUs", x, y, "step")),
    chart: {
      title: `${best.name} held ${formatFixed(best.played.averageGpus, 1)} GPUs on average, a perfect forecast ${formatFixed(perfect.played.averageGpus, 1)}`,
      subtitle: "GPUs that are paid for: starting, serving and draining ones",
      x: timeAxis({ endMs: comparison.endMs }),
      y: { label: "GPUs", min: 0 },
      series: lines.map(
        ({ predictor, x, y, colour }): Series => ({
          name: predictor === perfect ? "perfect" : predictor.name,
          kind: "step",
          colour,
          dashed: predictor === perfect,
          x,
          y,
        }),
      ),
      limits: [{ value: comparison.maxGpus, label: "budget" }],
    },
  };
}
