import { panels } from "../charts/panels.ts";
import { THEMES } from "../charts/theme.ts";
import { xyChart } from "../charts/xy-chart.ts";
import { paretoFigure, sensitivityFigures } from "./figures.ts";
import type { SweepReport } from "./input.ts";
import { sweepQuestion } from "./rows.ts";

/** Panels of the picture of sensitivities. */
const MOST_PANELS = 12;

/** The trade of a sweep as one SVG of 800 px. Same input, same bytes. */
export function paretoPicture(report: SweepReport): string {
  const chart = paretoFigure(report);
  return xyChart({ ...chart, title: `${report.name}: ${chart.title}` }, { width: 800, height: 480 }, THEMES.light);
}

/** Measures over the axes as one SVG; null where no axis has three numbers. */
export function sensitivityPicture(report: SweepReport): string | null {
  const charts = sensitivityFigures(report).slice(0, MOST_PANELS);
  if (charts.length === 0) return null;
  return panels(`Sensitivity of ${report.name}`, sweepQuestion(report), charts);
}
