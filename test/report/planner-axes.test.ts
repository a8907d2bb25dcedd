import { describe, expect, it } from "vitest";
import { plannerPage } from "#src/report";
import { timeFigureHtml } from "../../src/report/page/figure.ts";
import { plannerFigures } from "../../src/report/planner/figures.ts";
import { seenFailing } from "../planner/weaknesses/seen-failing.ts";
import { plannerInput, plannerTick } from "./planner-ticks.ts";

type Figure = ReturnType<typeof plannerFigures>[number];

/** Latencies are known from the second minute on, engines until the fourth: series that begin and end at different times. */
const input = plannerInput(
  Array.from({ length: 60 }, (_, i) => {
    const tick = i + 1;
    return plannerTick(tick, {
      ...(tick < 24 ? { meanTtftMs: null, meanItlMs: null } : {}),
      ...(tick > 48 ? { queuedTokens: {}, kvTokens: {} } : {}),
    });
  }),
);

/** The reports of 2026: subplots each of which spans its own data. */
function unlinked(figures: readonly Figure[]): Figure[] {
  return figures.map((figure) => {
    const times = figure.chart.series.flatMap(({ x, y }) => Array.from(x).filter((_, i) => Number.isFinite(y[i])));
    const { min, max } = { min: Math.min(...times), max: Math.max(...times) };
    return { ...figure, chart: { ...figure.chart, x: { ...figure.chart.x, min, max } } };
  });
}

/** Where the axis has a time, px from the left, in the widest drawing of each chart. */
function placesOf(figure: Figure, label: string): string[] {
  const html = timeFigureHtml(figure);
  const large = html.slice(html.indexOf('class="variant large"'));
  return [...large.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)]
    .filter(([, , text]) => text === label)
    .map(([, attributes]) => /\bx="([^"]+)"/.exec(attributes!)![1]!);
}

const span = ({ chart: { x } }: Figure) => `${x.min} ms to ${x.max} ms`;

const claim = (figures: readonly Figure[]) => {
  expect(figures.length).toBeGreaterThan(5);
  for (const figure of figures) {
    expect(span(figure), `${figure.id}, from and to`).toBe(span(figures[0]!));
    const places = placesOf(figure, "3 min");
    expect(places, figure.id).toHaveLength(1);
    expect(places, figure.id).toEqual(placesOf(figures[0]!, "3 min"));
  }
};

describe("the charts of a planner's report", () => {
  it("[W17c held] have one time axis, and what happened at one time stands below each other", () => {
    claim(plannerFigures(input));
  });

  it("[W17c held] are read by one cursor", () => {
    const page = plannerPage(input);
    const data = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]!);
    expect(Object.keys(data.readouts)).toEqual(plannerFigures(input).map(({ id }) => id));
    expect(data.endMs).toBe(plannerFigures(input)[0]!.chart.x.max);
    expect([...page.matchAll(/data-figure="([^"]+)"/g)].map(([, id]) => id)).toEqual(Object.keys(data.readouts));
  });

  it("[W17c shown] each have their own where every subplot spans its own data", () =>
    seenFailing(() => claim(unlinked(plannerFigures(input))), /from and to: expected '\d+ ms/));
});
