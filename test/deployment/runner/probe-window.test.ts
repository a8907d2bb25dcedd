import { expect, it } from "vitest";
import { ProbeWindow } from "../../../src/deployment/runner/probe-window.ts";

const verdicts = (thresholds: [failure: number, success: number], answers: string) => {
  const window = new ProbeWindow({ failureThreshold: thresholds[0], successThreshold: thresholds[1] });
  return [...answers].map((answer) => window.answered(answer === "+"));
};

it("a probe's verdict changes after so many answers of the other kind in a row", () => {
  expect(verdicts([3, 1], "+--+---+")).toEqual([true, true, true, true, true, true, false, true]);
  expect(verdicts([2, 3], "++-+++-+--")).toEqual([null, null, null, null, null, true, true, true, true, false]);
});

it("without a verdict so far, failures count to one of their own", () => {
  expect(verdicts([3, 1], "---+")).toEqual([null, null, false, true]);
});
