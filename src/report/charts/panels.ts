import type { XyChart } from "./chart.ts";
import { element, text } from "./svg.ts";
import { FONT_FAMILY, THEMES, type Theme } from "./theme.ts";
import { xyChart } from "./xy-chart.ts";

/** At their own size two panels side by side are 800 px wide, the width that pictures are read at. */
const PANEL = { width: 400, height: 290 };
const HEAD_PX = 62;

/** Charts two by two under one title, as one SVG. Same input, same bytes. */
export function panels(title: string, facts: string, charts: readonly XyChart[], theme: Theme = THEMES.light): string {
  const placed = charts.map((chart, i) => {
    const [x, y] = [(i % 2) * PANEL.width, HEAD_PX + Math.floor(i / 2) * PANEL.height];
    return xyChart(chart, PANEL, theme).replace("<svg ", `<svg x="${x}" y="${y}" `);
  });
  const [width, height] = [2 * PANEL.width, HEAD_PX + Math.ceil(charts.length / 2) * PANEL.height];
  const { palette } = theme;
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
      ...placed,
    ],
  );
}
