import { describe, expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario, scenarioWorkload } from "#scenarios";
import { brokenScalePromises, type ScaleResult, scaleTable } from "../../bench/scale.ts";
import { SCALE_ROWS, scaleScenario } from "../../bench/scale-rows.ts";

const result = (i: number, more: Partial<ScaleResult> = {}): ScaleResult => ({
  row: SCALE_ROWS[i]!,
  requests: SCALE_ROWS[i]!.requests,
  attainment: 0.995,
  peakGpus: 1024,
  decisions: 30,
  cpuSeconds: 1,
  runSeconds: 1,
  peakRssBytes: 1e8,
  ...more,
});

describe("the bench of very large rehearsals", () => {
  it("promises what the project promises: 15 s and 1 GB for 1 M requests with a planner, 3 min and 2 GB for 10 M", () => {
    expect(
      SCALE_ROWS.map(({ requests, promisedSeconds, promisedBytes }) => [requests, promisedSeconds, promisedBytes]),
    ).toEqual([
      [1e6, 15, 1e9],
      [1e6, 15, 1e9],
      [1e7, 180, 2e9],
    ]);
  });

  it.each(SCALE_ROWS)("$name draws the requests that it is asked for", ({ name }) => {
    const text = JSON.stringify(scaleScenario(name, 20_000));
    const { count } = scenarioWorkload(parseScenario(text, "row", { plannerSchema: plannerConfigSchema }));
    expect(count / 20_000).toBeCloseTo(1, 1);
  });

  it("says what is broken, of whole rows alone", () => {
    expect(brokenScalePromises([result(0), result(2, { cpuSeconds: 180, peakRssBytes: 2e9 })])).toEqual([]);
    expect(brokenScalePromises([result(0, { cpuSeconds: 15.2 }), result(2, { peakRssBytes: 2.1e9 })])).toEqual([
      "1 M requests, 1,024 workers, planner: 15.2 CPU s, promised 15",
      "10 M requests: 2100 MB, promised 2000",
    ]);
    expect(brokenScalePromises([result(0, { cpuSeconds: 99, requests: 5e5 })])).toEqual([]);
    expect(scaleTable([result(0)])[2]).toBe(
      "| 1 M requests, 1,024 workers, planner | 1,000,000 | 1.0 | 15 | 100 | 1000 | 1024 | 30 | 99.5 % |",
    );
  });
});
