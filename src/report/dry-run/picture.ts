import { element, text } from "../charts/svg.ts";
import { FONT_FAMILY, THEMES, type Theme } from "../charts/theme.ts";
import { xyChart } from "../charts/xy-chart.ts";
import { formatFixed, formatPlain, formatSignificant } from "../format.ts";
import { dryRunFigures } from "./figures.ts";
import type { DryRunInput } from "./input.ts";
import { summarizeDryRun } from "./summary.ts";

const PANEL = { width: 400, height: 290 };
const HEAD_PX = 62;

/** The four panels of a dry run as one SVG, two by two. Same input, same bytes. */
export function dryRunPicture(input: DryRunInput, theme: Theme = THEMES.light): string {
  const summary = summarizeDryRun(input);
  const panels = dryRunFigures(input, summary).map(({ chart }, i) => {
    const svg = xyChart(chart, PANEL, theme);
    const [x, y] = [(i % 2) * PANEL.width, HEAD_PX + Math.floor(i / 2) * PANEL.height];
    return svg.replace("<svg ", `<svg x="${x}" y="${y}" `);
  });
  const [width, height] = [2 * PANEL.width, HEAD_PX + 2 * PANEL.height];
  const { palette } = theme;
  const title = `Dry run of ${input.name} with ${input.predictor}`;
  const facts = `${formatSignificant(summary.gpuHours)} GPU-hours, ${formatFixed(summary.averageGpus, 1)} GPUs on average of at most ${formatPlain(input.maxGpus)}; profile ${input.profile}`;
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-label": title,
      "font-family": FONT_FAMILY,
    },
    [
      element("rect", { width, height, fill: palette.card }),
      text(title, { x: 14, y: 28, "font-size": 18, "font-weight": "600", fill: palette.ink }),
      text(facts, { x: 14, y: 50, "font-size": 13, fill: palette.muted }),
      ...panels,
    ],
  );
}
