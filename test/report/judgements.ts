import type { JudgedCase, JudgedPlanner, JudgeReport } from "#src/report";

const value = (mean: number, ci95 = Number.NaN) => ({ mean, ci95 });

/** A judgement as wide as they get: intervals of several seeds, long names, regrets against everybody. */
export function wideJudgement(scenarios: number, planners: readonly string[]): JudgeReport {
  const regret = { s99: value(-0.1234), any: value(-0.1234), clair: value(0.1234), oracle: value(0.2345) };
  const measured = {
    goodputPerGpu: value(4.567, 0.0456),
    slaAttainment: value(0.99456),
    gpuHours: value(123.4, 12.3),
    averageGpus: value(56.7, 0.4),
    peakGpus: value(128),
    scaleEvents: value(1234.5, 123.4),
    secondsAboveSla: value(12_345, 1234),
    regret,
  };
  const planner = (name: string): JudgedPlanner => ({
    ...measured,
    name,
    failedTicks: value(0),
    failure: null,
    refused: null,
  });
  const reference = { ...measured, text: "128P128D" };
  return {
    floor: 0.99,
    planners: planners.map((name) => ({ name, setting: "as it is" })),
    cases: Array.from(
      { length: scenarios },
      (_, i): JudgedCase => ({
        scenario: `budget-left-over-load-compat-${i}`,
        startupS: 120,
        hasFaults: true,
        seeds: 5,
        maxGpus: 256,
        references: { s99: reference, any: reference, clair: reference, oracle: { ...reference, text: "" } },
        bound: value(8),
        planners: planners.map((name, at) =>
          at === planners.length - 1
            ? {
                ...planner(name),
                refused: `it needs prefill and decode apart, which ${"a deployment of one pool ".repeat(6)}has not`,
              }
            : planner(name),
        ),
      }),
    ),
    tuning: null,
    isWhole: true,
  };
}
