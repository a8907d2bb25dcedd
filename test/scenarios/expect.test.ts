import { describe, expect, it } from "vitest";
import { checkExpectations, type MeasuredValues, parseScenario } from "#scenarios";

function check(expectYaml: string, measured: MeasuredValues) {
  const scenario = parseScenario(
    `deployment: { mode: agg, engine: { timing: polynomial } }
sla: { ttft: 1s, itl: 50ms }
traffic: [ { closedLoop: { concurrency: 1, requests: 1, isl: 1, osl: 1 } } ]
expect: ${expectYaml}`,
    "e.yaml",
  );
  return checkExpectations(scenario.expect, measured);
}

describe("expectations", () => {
  it.each([
    ["'>= 0.98'", 0.98, true],
    ["'>= 0.98'", 0.9799, false],
    ["'> 0.98'", 0.98, false],
    ["'<= 0.98'", 0.98, true],
    ["'< 0.98'", 0.98, false],
    ["'< 1e-3'", 0.0009, true],
    ["'== 1'", 1, true],
    ["1", 1, true],
    ["1", 0.999, false],
    ["[ '>= 0.5', '< 0.6' ]", 0.55, true],
  ])("%s of %d: %s", (condition, value, passed) => {
    const results = check(`{ slaAttainment: ${condition} }`, { values: { slaAttainment: value } });
    expect(results.every((result) => result.passed)).toBe(passed);
  });

  it("name the measure, the condition and what was found", () => {
    expect(
      check("{ ttft: { p99: '<= 200ms' }, gpuHours: '<= 3' }", { values: { "ttft.p99": 250, gpuHours: 2.5 } }),
    ).toEqual([
      { name: "gpuHours", expected: "<= 3", actual: "2.5", actualValue: 2.5, passed: true, path: ["gpuHours"] },
      {
        name: "ttft.p99",
        expected: "<= 200ms",
        actual: "250 ms",
        actualValue: 250,
        passed: false,
        path: ["ttft", "p99"],
      },
    ]);
  });

  it("fail on what was not measured, whatever the condition", () => {
    for (const condition of ["'>= 0'", "'<= 1e9'", "0"]) {
      const [missing] = check(`{ errors: ${condition} }`, { values: {} });
      expect(missing).toMatchObject({ passed: false, actual: "not measured" });
      expect(check(`{ errors: ${condition} }`, { values: { errors: Number.NaN } })[0]!.passed).toBe(false);
    }
  });

  it("ask for the workers of a role at a time", () => {
    const replicasAt = (role: string, atMs: number) => (atMs < 60_000 ? 1 : role === "decode" ? 3 : 2);
    const results = check("{ replicas: [ { at: 30s, agg: 1 }, { at: 1m, prefill: '>= 3', decode: 3 } ] }", {
      values: {},
      replicasAt,
    });
    expect(results.map(({ name, passed }) => [name, passed])).toEqual([
      ["replicas.decode at 30 s", true],
      ["replicas.prefill at 60 s", false],
      ["replicas.decode at 60 s", true],
    ]);
  });
});
