import {
  formatClock,
  formatCount,
  formatFixed,
  formatPlain,
  formatShare,
  formatSignificant,
  plural,
} from "../format.ts";
import { halfFigureHtml, timeFigureHtml } from "../page/figure.ts";
import { pageHeader } from "../page/header.ts";
import { escapeHtml, table, tile } from "../page/html.ts";
import { pageShell } from "../page/shell.ts";
import { endOf, forecastFigure, gpusFigure, regretFigure, tradeFigure, worthFigure } from "./figures.ts";
import type { PredictorComparison } from "./input.ts";
import { bestPredictor, COMPARISON_COLUMNS, comparisonRows } from "./rows.ts";

/** Predictors side by side as one self-contained page: who was best and by how much, the table, and how it came about. */
export function comparisonPage(comparison: PredictorComparison): string {
  const { name, predictors, sla, perfect } = comparison;
  const best = bestPredictor(comparison);
  const figures = [
    regretFigure(comparison),
    ...predictors.map((predictor) => forecastFigure(comparison, predictor)),
    gpusFigure(comparison),
  ];
  const facts: [string, string][] = [
    ["traffic", `${formatCount(comparison.requests)} requests in ${formatClock(endOf(comparison))}`],
    ["strategy", comparison.strategy],
    ["interval", `${formatPlain(comparison.intervalS)} s`],
    ["SLA", `TTFT ≤ ${formatPlain(sla.ttftMs)} ms, ITL ≤ ${formatPlain(sla.itlMs)} ms`],
    ["budget", plural(comparison.maxGpus, "GPU")],
    ["profile", comparison.profile],
    ["seed", String(comparison.seed)],
  ];
  const { played } = best;
  const tiles = [
    tile(
      "Most out of a GPU",
      escapeHtml(best.name),
      "",
      `<p>${formatSignificant(played.goodputPerGpu)} good requests per GPU-second</p>`,
    ),
    tile(
      "SLA attainment",
      formatShare(played.attainment),
      "",
      `<p>${formatShare(perfect.played.attainment)} with a perfect forecast</p>`,
    ),
    tile(
      "GPU-hours",
      formatFixed(played.gpuHours, 2),
      "",
      `<p>${formatFixed(perfect.played.gpuHours, 2)} with a perfect forecast</p>`,
    ),
    tile(
      "Left to win",
      `${formatFixed(best.regret.perfect.goodputPerGpu * 100, 1)} %`,
      "",
      "<p>of the goodput per GPU of a perfect forecast</p>",
    ),
  ];
  return pageShell({
    title: `Predictors on ${name} · Understudy`,
    scripts: ["theme.js", "cursor.js"],
    data: {
      endMs: Math.max(endOf(comparison), comparison.endMs),
      sla,
      readouts: Object.fromEntries(figures.map(({ id, readouts }) => [id, readouts])),
    },
    body: `${pageHeader({
      title: `Predictors on ${name}`,
      parts: [
        ["answer", "Answer"],
        ["predictors", "Predictors"],
        ["timeline", "Timeline"],
      ],
      facts,
    })}
<main>
<section id="answer" aria-labelledby="answer-title">
<h2 id="answer-title" class="hidden">Answer</h2>
<div class="tiles">${tiles.join("")}</div>
</section>
<section id="predictors" aria-labelledby="predictors-title">
<h2 id="predictors-title">Predictors side by side</h2>
<p class="note">Every predictor met the same requests and started with the same workers. The share of goodput per GPU that is missing <em>to perfect</em>, a forecast that knows the next interval, and <em>to last value</em> is what a predictor is to be regretted for. <em>enough</em>: intervals whose load the workers could do, by the profile alone; <em>ms</em>: time to take an interval in and forecast the next.</p>
${comparisonTable(comparison)}
<div class="halves">
${halfFigureHtml("trade", tradeFigure(comparison), 260)}
${halfFigureHtml("worth", worthFigure(comparison), 260)}
</div>
</section>
<section id="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">How it came about</h2>
<p class="note">All charts share one time axis and one cursor: move over them, or focus this block and use the arrow keys.</p>
<div class="timeline" tabindex="0" role="group" aria-label="Charts over time">
${figures.map((figure) => timeFigureHtml(sharedAxis(figure, comparison))).join("\n")}
</div>
</section>
</main>
<footer><p>Every measure is defined in docs/planner-studies.md.</p></footer>`,
  });
}

/** Charts of forecasts end with the trace, that of GPUs with the last request: one cursor needs one axis. */
function sharedAxis<Figure extends { chart: { x: object } }>(figure: Figure, comparison: PredictorComparison): Figure {
  const max = Math.max(endOf(comparison), comparison.endMs);
  return { ...figure, chart: { ...figure.chart, x: { ...figure.chart.x, max } } };
}

function comparisonTable(comparison: PredictorComparison): string {
  const best = bestPredictor(comparison);
  return table(
    "Forecasts, what the planner made of them, and what they cost",
    COMPARISON_COLUMNS.map((heading, c) => ({ heading, numeric: c > 0 })),
    comparisonRows(comparison).map(({ predictor, cells }) =>
      cells.map((cell, c) =>
        c === 0 && predictor === best ? `<strong>${escapeHtml(cell)}</strong>` : escapeHtml(cell),
      ),
    ),
  );
}
