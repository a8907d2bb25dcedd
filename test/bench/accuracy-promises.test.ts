import { describe, expect, it } from "vitest";
import { type AccuracyRow, accuracyTable, brokenAccuracyPromises } from "../../bench/predictor-accuracy.ts";

const row: AccuracyRow = {
  kind: "spiky",
  isRecorded: true,
  seeds: 4,
  ensemble: 60,
  lastValue: 100,
  best: 80,
  asGood: 0.75,
  worst: 0.9,
};

describe("the accuracy benchmark", () => {
  it("shows errors as ratios, and how many kinds it is as good as the best on", () => {
    const exact = { ...row, kind: "ramp", seeds: 1, ensemble: 1e-9, best: 1e-9, lastValue: 20, asGood: 1 };
    const other = { ...row, kind: "bursts", isRecorded: false };
    expect(accuracyTable([row, exact, other])).toEqual([
      "| series | seeds | error ÷ last value's | worst | error ÷ best other's | as good as the best |",
      "|---|---|---|---|---|---|",
      "| spiky | 4 | 0.60 | 0.90 | 0.75 | 75 % |",
      "| ramp | 1 | 0.00 | 0.90 | both 0 | 100 % |",
      "| bursts * | 4 | 0.60 | 0.90 | 0.75 | 75 % |",
      "",
      "Of the 2 recorded kinds, the ensemble is as good as the best other on 1.8 on average (goal: 8 of 11).",
    ]);
  });

  it("promises that no recorded kind costs a tenth more than the last value", () => {
    expect(brokenAccuracyPromises([row, { ...row, isRecorded: false, worst: 1.3 }])).toEqual([]);
    expect(
      brokenAccuracyPromises([
        { ...row, worst: 1.101 },
        { ...row, worst: Number.NaN },
      ]),
    ).toEqual([
      "spiky: 1.101 times the last value's error, promised at most 1.1",
      "spiky: NaN times the last value's error, promised at most 1.1",
    ]);
  });
});
