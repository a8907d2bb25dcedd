import { describe, expect, it } from "vitest";
import { bestPredictor, comparisonPage, comparisonPicture, comparisonRows } from "#src/report";
import { expectWellFormed, visibleText } from "./markup.ts";
import { compared, comparison } from "./studies.ts";

describe("comparison of predictors", () => {
  it("has a row for each predictor and the perfect forecast, the last value once", () => {
    expect(comparisonRows(comparison).map(({ cells }) => cells)).toEqual([
      ["constant", "1.50", "12.3 %", "0.250", "2 of 3", "80.00 %", "1.25", "1.00", "+20.0 %", "−10.4 %", "< 0.01"],
      ["arima", "1.50", "12.3 %", "0.250", "2 of 3", "90.00 %", "1.25", "1.20", "+20.0 %", "−10.4 %", "< 0.01"],
      ["perfect forecast", "1.50", "12.3 %", "0.250", "2 of 3", "99.00 %", "1.25", "1.50", "+20.0 %", "−10.4 %", "–"],
    ]);
    const apart = {
      ...comparison,
      predictors: [compared("arima", 0.9, 1.2)],
      lastValue: compared("last value", 0.8, 1),
    };
    expect(comparisonRows(apart).map(({ predictor }) => predictor.name)).toEqual([
      "arima",
      "last value",
      "perfect forecast",
    ]);
  });

  it("calls best who has most good requests per GPU-second", () => {
    expect(bestPredictor(comparison).name).toBe("arima");
  });

  it("draws four panels of 800 px, without what depends on the machine's speed", () => {
    const svg = comparisonPicture(comparison);
    expectWellFormed(svg);
    expect(svg).toMatch(/^<svg [^>]*width="800"/);
    const slower = structuredClone(comparison);
    for (const { forecast } of slower.predictors) forecast.msPerInterval = 7;
    expect(comparisonPicture(slower)).toBe(svg);
    for (const text of ["arima got most out of a GPU", "1 of 1 foretold", "budget", "last value"])
      expect(svg).toContain(text);
  });

  it("is a page, every text in it escaped, every id once", () => {
    const page = comparisonPage(comparison);
    expectWellFormed(page);
    expect(visibleText(page)).toContain("a &lt;trace&gt;.jsonl");
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
