import { join } from "node:path";
import { writeFileAtomically } from "#common";
import {
  candidateCounts,
  paretoPicture,
  type SweepReport,
  sensitivityPicture,
  svgToPng,
  sweepColumns,
  sweepPage,
  sweepQuestion,
  sweepRows,
} from "#src/report";
import { type Axis, isDuration, type SweepSummary, valueNumber, valueText } from "#src/study";
import { textTable } from "../text-table.ts";

/** Version of the layout; a number goes up when a field changes its meaning or goes away. */
const SCHEMA = "understudy-sweep/1";
/** Rows on the terminal. */
const MOST_ROWS = 40;

export type ReportSettings = Omit<SweepReport, "axes" | "candidates" | "best">;

export function sweepReport(axes: readonly Axis[], summary: SweepSummary, settings: ReportSettings): SweepReport {
  return {
    ...settings,
    axes: axes.map(({ name }, axis) => ({
      name,
      isDuration: summary.candidates.some(({ values }) => isDuration(values[axis]!)),
    })),
    candidates: summary.candidates.map(({ values, seeds, part, measures, keeps, onFront, refused, gaveUp }) => ({
      values: values.map(valueText),
      numbers: values.map(valueNumber),
      seeds: seeds.length,
      part,
      measures: Object.fromEntries(Object.entries(measures).map(([name, { mean, ci95 }]) => [name, { mean, ci95 }])),
      keeps,
      onFront,
      notRun: refused ?? gaveUp,
    })),
    best: summary.best,
  };
}

/** sweep.json: every candidate in the order in which it was proposed, with its means and intervals. The same sweep, the same bytes. */
export function sweepJson(report: SweepReport, axes: readonly Axis[], summary: SweepSummary): string {
  const { name, method, goal, conditions, trade, isWhole, best } = report;
  return `${JSON.stringify(
    {
      schema: SCHEMA,
      name,
      method,
      goal,
      conditions,
      trade: trade.map(({ measure }) => measure),
      whole: isWhole,
      axes: axes.map((axis) => axis.name),
      best,
      front: summary.front,
      candidates: summary.candidates.map(
        ({ values, seeds, part, held, keeps, onFront, refused, gaveUp, measures }) => ({
          values,
          seeds,
          part,
          held,
          keeps,
          onFront,
          refused,
          gaveUp,
          measures,
        }),
      ),
    },
    null,
    1,
  )}\n`;
}

export function sweepText(report: SweepReport, summary: SweepSummary): string {
  const rows = sweepRows(report);
  // What was ended early is only counted.
  const whole = rows.filter(({ index }) => summary.candidates[index]!.gaveUp === null);
  const shown = whole.slice(0, MOST_ROWS);
  const early = rows.length - whole.length;
  const head = `${report.name}, ${report.method}: ${candidateCounts(report)}\n${sweepQuestion(report)}\n\n`;
  const more = [
    ...(whole.length > shown.length ? [`… and ${whole.length - shown.length} more\n`] : []),
    ...(early > 0 ? [`${early} given up early: they could not be what is looked for\n`] : []),
  ].join("");
  const [best] = rows;
  const answer =
    report.best === null || best === undefined
      ? `${rows.length === 0 ? "Nothing was run" : "No candidate keeps the conditions"}.\n`
      : `Best: ${report.axes.map(({ name }, i) => `${name}=${best.cells[i]}`).join(", ")}\n`;
  return `${head}${textTable(
    sweepColumns(report),
    shown.map(({ cells }) => cells),
  )}${more}\n${answer}`;
}

/** sweep.json, sweep.html and the pictures; paths of what was written. */
export function writeSweep(dir: string, report: SweepReport, json: string): string[] {
  const sensitivity = sensitivityPicture(report);
  const files: [string, string | Uint8Array][] = [
    ["sweep.json", json],
    ["sweep.html", sweepPage(report)],
    ["pareto.png", svgToPng(paretoPicture(report))],
    ...(sensitivity === null ? [] : [["sensitivity.png", svgToPng(sensitivity)] as [string, Uint8Array]]),
  ];
  return files.map(([name, content]) => {
    writeFileAtomically(join(dir, name), content);
    return join(dir, name);
  });
}
