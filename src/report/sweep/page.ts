import { plural } from "../format.ts";
import { halfFigureHtml } from "../page/figure.ts";
import { pageHeader } from "../page/header.ts";
import { escapeHtml, table, tile } from "../page/html.ts";
import { pageShell } from "../page/shell.ts";
import { paretoFigure, sensitivityFigures } from "./figures.ts";
import type { SweepReport, SweptMeasure } from "./input.ts";
import { hasInterval, measureLabel, measureText, shortAxes, shortText } from "./labels.ts";
import { candidateCounts, type SweepRow, sweepColumns, sweepQuestion, sweepRows, sweepTitle } from "./rows.ts";

/** Rows of the page's table; sweep.json has all. */
const MOST_ROWS = 500;

/** A sweep as one self-contained page: the best, the trade, how much each axis matters, the table. */
export function sweepPage(report: SweepReport): string {
  const title = sweepTitle(report);
  const best = report.best === null ? null : report.candidates[report.best]!;
  const facts: [string, string][] = [
    ["method", report.method],
    ["asked for", sweepQuestion(report)],
    ["candidates", candidateCounts(report)],
    ["seeds", String(Math.max(0, ...report.candidates.map(({ seeds }) => seeds)))],
  ];
  const tiles = [
    tile(
      "Best",
      best === null ? "none" : escapeHtml(shortText(report, best)),
      "",
      best === null ? "<p>no candidate keeps the conditions</p>" : "",
    ),
    ...report.shown
      .slice(0, 3)
      .map((measure) =>
        tile(
          escapeHtml(measureLabel(measure)),
          best === null ? "–" : measureText(measure, best.measures[measure]?.mean ?? Number.NaN),
          "",
          intervalHtml(measure, best?.measures[measure]),
        ),
      ),
  ];
  const sensitivities = sensitivityFigures(report);
  const rows = sweepRows(report);
  const played = rows.filter(({ candidate }) => candidate.notRun === null);
  const others = rows.filter(({ candidate }) => candidate.notRun !== null);
  return pageShell({
    title: `${title} · Understudy`,
    scripts: ["theme.js"],
    data: {},
    body: `${pageHeader({
      title,
      parts: [
        ["answer", "Answer"],
        ["trade", "Trade"],
        ["candidates", "Candidates"],
      ],
      facts,
    })}
<main>
<section id="answer" aria-labelledby="answer-title">
<h2 id="answer-title" class="hidden">Answer</h2>
${report.isWhole ? "" : `<p class="note">Interrupted: candidates are missing. ${report.kind} --resume goes on.</p>`}
<div class="tiles">${tiles.join("")}</div>
</section>
<section id="trade" aria-labelledby="trade-title">
<h2 id="trade-title">Trade</h2>
<div class="halves">
${halfFigureHtml("pareto", paretoFigure(report), 320)}
${sensitivities.map((chart, i) => halfFigureHtml(`sensitivity-${i}`, chart, 320)).join("\n")}
</div>
</section>
<section id="candidates" aria-labelledby="candidates-title">
<h2 id="candidates-title">Candidates</h2>
${mostNote(played.length)}
${table(
  "Candidates, best first",
  sweepColumns(report).map((heading, c) => ({
    heading: escapeHtml(heading),
    numeric: c >= report.axes.length && c < report.axes.length + report.shown.length,
  })),
  played
    .slice(0, MOST_ROWS)
    .map(({ cells, index }) =>
      cells.map((cell, c) =>
        c === 0 && index === report.best ? `<strong>${escapeHtml(cell)}</strong>` : escapeHtml(cell),
      ),
    ),
)}
${notRunTable(report, others)}
</section>
</main>
<footer><p>Every measure is defined in docs/report.md, sweeps in docs/sweeps.md.</p></footer>`,
  });
}

/** Those that were not run to their end have no measures, but a reason. */
function notRunTable({ axes }: SweepReport, rows: readonly SweepRow[]): string {
  if (rows.length === 0) return "";
  const headings = [...shortAxes(axes.map(({ name }) => name)), "why"];
  return `<details><summary>${plural(rows.length, "candidate")} not run, or not to the end</summary>
${mostNote(rows.length)}
${table(
  "Not run, or not to the end",
  headings.map((heading) => ({ heading: escapeHtml(heading) })),
  rows
    .slice(0, MOST_ROWS)
    .map(({ cells }) => [...cells.slice(0, axes.length), cells.at(-1)!].map((cell) => escapeHtml(cell))),
)}
</details>`;
}

function mostNote(rows: number): string {
  return rows > MOST_ROWS ? `<p class="note">The first ${MOST_ROWS} of ${rows}; sweep.json has all.</p>` : "";
}

function intervalHtml(measure: string, found: SweptMeasure | undefined): string {
  return found !== undefined && hasInterval(found) ? `<p>95 % interval ± ${measureText(measure, found.ci95)}</p>` : "";
}
