import { describe, expect, it } from "vitest";
import { judge, prepareRehearsal } from "#src/rehearsal";
import { FIXED, madeScenario } from "./made-scenario.ts";

function judged(expectations: object, document: object = FIXED) {
  const scenario = madeScenario({ ...document, expect: expectations }, "judged.yaml");
  return judge(scenario, prepareRehearsal(scenario).run()).record.expectations!;
}

describe("what a scenario expects", () => {
  it("is judged by what the run measured, with the place of each line", () => {
    const results = judged({ requests: 100, errors: "> 0", gpuHours: "<= 0.003", ttft: { p99: "<= 31ms" } });
    expect(results.map(({ name, passed }) => [name, passed]).sort()).toEqual([
      ["errors", false],
      ["gpuHours", true],
      ["requests", true],
      ["ttft.p99", true],
    ]);
    for (const { where } of results) expect(where).toMatch(/^judged\.yaml:1:\d+/);
    expect(results.find(({ name }) => name === "errors")).toMatchObject({ expected: "> 0", actual: "0" });
  });

  it("is measured as its names say", () => {
    // 100 requests of 5 tokens, alone on the worker: 30 ms to the first token, then 7 ms each.
    const results = judged({
      completed: 100,
      unfinished: 0,
      preemptions: 0,
      scaleEvents: 0,
      slaAttainment: 1,
      ttftAttainment: 1,
      itlAttainment: 1,
      goodput: [">= 9.99", "<= 10.1"],
      goodputPerGpu: [">= 9.99", "<= 10.01"],
      peakGpus: 1,
      averageGpus: [">= 0.999", "<= 1.001"],
      prefixHitRate: 0,
      ttft: { mean: [">= 29.9ms", "<= 30.1ms"], max: "<= 30.1ms" },
      itl: { p50: [">= 6.9ms", "<= 7.1ms"] },
      e2e: { p99: [">= 57.9ms", "<= 58.1ms"] },
      replicas: [{ at: "5s", agg: 1 }],
    });
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
    expect(results.length).toBeGreaterThan(17);
  });

  it("fails where it was not measured", () => {
    const replicas = [{ at: "99h", agg: ">= 0" }];
    expect(judged({ replicas }).map(({ passed }) => passed)).toEqual([false]);
    const infeasible = { ...FIXED, sla: { ttft: "1ms", itl: "40ms" } };
    expect(judged({ slaAttainment: ">= 0" }, infeasible).map(({ passed }) => passed)).toEqual([false]);
  });

  it("counts rejected requests as errors and as missed", () => {
    const document = {
      ...FIXED,
      deployment: { ...FIXED.deployment, engine: { ...FIXED.deployment.engine, numGpuBlocks: 1 } },
    };
    const results = judged({ errors: 100, completed: 0, slaAttainment: 0 }, document);
    expect(results.map(({ passed }) => passed)).toEqual([true, true, true]);
  });
});
