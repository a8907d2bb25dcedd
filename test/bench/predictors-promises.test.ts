import { expect, it } from "vitest";
import { brokenPredictorPromises, predictorsTable } from "../../bench/predictors.ts";

const row = { name: "arima", ms: { 50: 0.123, 500: 0.456, 5000: 4.9 } };

it("shows ms per forecast by the values seen", () => {
  expect(predictorsTable([row]).at(-1)).toBe("| arima | 0.12 | 0.46 | 4.9 |");
});

it("breaks the promise where a forecast gets slow, but for Prophet, whose cost is its library's", () => {
  expect(brokenPredictorPromises([row, { ...row, name: "prophet", ms: { 50: 30, 500: 30, 5000: 30 } }])).toEqual([]);
  expect(brokenPredictorPromises([{ ...row, ms: { ...row.ms, 5000: 5 } }])).toEqual([
    "arima: 5.00 ms after 5000 values, promised less than 5 ms",
  ]);
});
