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

  describe("of replicas", () => {
    const replicas = (role: string) =>
      role === "decode"
        ? { atMs: [0, 60_000], ready: [1, 3], endMs: 300_000 }
        : { atMs: [0, 60_000, 120_000, 240_000], ready: [1, 2, 4, 1], endMs: 300_000 };
    const checked = (rows: string) =>
      check(`{ replicas: [ ${rows} ] }`, { values: {}, replicas }).map(({ name, actual, passed }) => ({
        name,
        actual,
        passed,
      }));

    it("ask for the workers of a role at a time", () => {
      expect(
        checked(
          "{ at: 30s, agg: 1 }, { at: 1m, prefill: '>= 3', decode: 3 }, { at: end, prefill: 1 }, { at: 6m, decode: 3 }",
        ),
      ).toEqual([
        { name: "replicas.decode at 30 s", actual: "1", passed: true },
        { name: "replicas.prefill at 60 s", actual: "2", passed: false },
        { name: "replicas.decode at 60 s", actual: "3", passed: true },
        { name: "replicas.prefill at the end", actual: "1", passed: true },
        { name: "replicas.decode at 6 min", actual: "not measured", passed: false },
      ]);
    });

    it("ask for all times of a span, and name the first at which it did not hold", () => {
      expect(
        checked(
          "{ until: 59s, prefill: 1 }, { until: 1m, prefill: 1 }, { from: 1m, until: end, decode: 3 }, { from: 30s, until: end, prefill: ['>= 1', '< 4'] }, { from: 1m, until: 6m, decode: 3 }",
        ),
      ).toEqual([
        { name: "replicas.prefill from the start until 59 s", actual: "1", passed: true },
        { name: "replicas.prefill from the start until 60 s", actual: "2 at 60 s", passed: false },
        { name: "replicas.decode from 60 s until the end", actual: "3", passed: true },
        { name: "replicas.prefill from 30 s until the end", actual: "1", passed: true },
        { name: "replicas.prefill from 30 s until the end", actual: "4 at 2 min", passed: false },
        { name: "replicas.decode from 60 s until 6 min", actual: "not measured", passed: false },
      ]);
    });

    it("ask for some time of a span, and name the first at which it held", () => {
      expect(
        checked(
          "{ by: 2m, prefill: 4 }, { by: 119s, prefill: 4 }, { from: 121s, by: 4m, prefill: 1 }, { from: 1m, by: end, decode: 1 }, { by: 6m, prefill: 4 }, { by: 6m, prefill: 5 }",
        ),
      ).toEqual([
        { name: "replicas.prefill by 2 min", actual: "4 at 2 min", passed: true },
        { name: "replicas.prefill by 119 s", actual: "2", passed: false },
        { name: "replicas.prefill from 2 min by 4 min", actual: "1 at 4 min", passed: true },
        { name: "replicas.decode from 60 s by the end", actual: "3", passed: false },
        { name: "replicas.prefill by 6 min", actual: "4 at 2 min", passed: true },
        { name: "replicas.prefill by 6 min", actual: "not measured", passed: false },
      ]);
    });

    it("are not measured where nothing tells of workers", () => {
      expect(check("{ replicas: [ { by: 1m, decode: 1 } ] }", { values: {} })[0]).toMatchObject({
        actual: "not measured",
        passed: false,
      });
    });

    it.each([
      ["{ decode: 1 }", "exactly one of at, until and by"],
      ["{ at: 1m, by: 2m, decode: 1 }", "exactly one of at, until and by"],
      ["{ from: 1m, at: 2m, decode: 1 }", "no from beside at"],
      ["{ from: 3m, until: 2m, decode: 1 }", "no later than until"],
      ["{ at: later, decode: 1 }", "expected a duration"],
      ["{ at: 1m }", "at least one of prefill, decode and agg"],
    ])("refuse %s", (row, why) => {
      expect(() => checked(row)).toThrow(why);
    });
  });
});
