import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario, readScenario, scenarioWorkload } from "#scenarios";
import { prepareRehearsal } from "#src/rehearsal";
import { strategyConfig } from "../../../src/cli/planner/core-config.ts";
import { plannerSettings } from "../../../src/live/cluster/planner-settings.ts";

const folder = "scenarios/library";

/** What a planner's own process makes of the settings. */
function read(settings: Record<string, unknown>) {
  return strategyConfig(readPlannerConfig({ config: JSON.stringify(settings) }).config);
}

type Scenario = ReturnType<typeof scenarioWith>;

/** Without the traffic, which makes no difference to it. */
function settingsOf(scenario: Scenario) {
  const workload = scenarioWorkload({ ...scenario, traffic: scenarioWith("{ strategy: none }").traffic });
  return plannerSettings(prepareRehearsal(scenario, {}, { workload }));
}

/** A limit of all GPUs is one of `total`; of an aggregated deployment the workers are those of decode. */
function expected({ planner, deployment }: Scenario): object {
  const { maxGpus, minWorkers, ...rest } = JSON.parse(JSON.stringify(planner)) as Record<string, unknown>;
  const isTotal = typeof maxGpus === "number" && rest.strategy === "default";
  const { decode } = (minWorkers ?? {}) as { decode?: number };
  const ofWorkers = deployment.mode === "agg" && decode !== undefined ? { decode } : minWorkers;
  return {
    ...rest,
    ...(maxGpus === undefined ? {} : { maxGpus: isTotal ? { total: maxGpus } : maxGpus }),
    ...(ofWorkers === undefined ? {} : { minWorkers: ofWorkers }),
  };
}

const planners: [string, string][] = [
  [
    "default",
    "{ strategy: default, interval: 2s, maxGpus: { total: 9, prefill: 4, decode: 6 }, minGpus: 2, minWorkers: { prefill: 1, decode: 2 }, scaleDownDelay: 7s, maxStep: 3, scaleToZeroDelay: 6m }",
  ],
  ["default, to zero", "{ strategy: default, minWorkers: 0 }"],
  ["default, power", "{ strategy: default, maxPowerWatts: 5000, powerPerWorker: { prefill: 700, decode: 650 } }"],
  [
    "sla-compat, arima",
    "{ strategy: sla-compat, interval: 90s, maxGpus: 5, minWorkers: 2, predictor: { type: arima, window: 30, log1p: true } }",
  ],
  [
    "sla-compat, kalman",
    "{ strategy: sla-compat, predictor: { type: kalman, qLevel: 2, qTrend: 0.2, r: 5, minPoints: 7 }, requestCount: started }",
  ],
  ["sla-compat, prophet", "{ strategy: sla-compat, predictor: { type: prophet, window: 20 }, correction: false }"],
  [
    "load-compat, sla",
    "{ strategy: load-compat, interval: 10s, throughputInterval: 60s, tickInterval: 5s, target: sla, scaling: { load: true, throughput: true }, maxGpus: null, scaleDownSensitivity: 60, maxFpmSamples: 32, fpmBuckets: 9, minObservations: 4, contextLength: 9000, predictor: constant }",
  ],
  [
    "load-compat, load",
    "{ strategy: load-compat, target: load, prefillQueueTokens: { up: 9000, down: 2000 }, decodeKvPercent: { up: 80, down: 40 }, minGpus: 2, predictor: ensemble }",
  ],
  [
    "hpa",
    "{ strategy: hpa, interval: 20s, maxGpus: 9, minWorkers: { prefill: 1, decode: 2 }, tolerance: 0.2, scaleUpStabilization: 30s, prefill: { requestRate: 7 }, decode: { concurrency: 30, kvPercent: 60 } }",
  ],
  ["hpa, one role", "{ strategy: hpa, scaleDownStabilization: 1m, decode: { requestRate: 12 } }"],
  [
    "keda",
    "{ strategy: keda, minWorkers: 0, pollingInterval: 10s, cooldownPeriod: 2m, prefill: { queueLength: 2, activation: 1 }, decode: { queueLength: 40 } }",
  ],
  ["static", "{ strategy: static, prefill: 2, decode: 3 }"],
  ["none", "{ strategy: none, interval: 9s }"],
];

const scenarioWith = (planner: string) =>
  parseScenario(
    `deployment: { profile: h200-llama-3.1-8b-fp8-tp1-estimate, mode: disagg, kvTransfer: { bandwidth: 64GB/s } }
sla: { ttft: 200ms, itl: 10ms }
planner: ${planner}
traffic: [ { constant: { requestRate: 1, isl: 100, osl: 10, duration: 1s } } ]`,
    "planner.yaml",
    { plannerSchema: plannerConfigSchema },
  );

describe("a scenario's planner as one of a process of its own", () => {
  it.each(planners)("%s comes to the same configuration", (_name, planner) => {
    const scenario = scenarioWith(planner);
    expect(read(settingsOf(scenario)!)).toMatchObject(expected(scenario));
  });

  it.each(readdirSync(folder).filter((name) => name.endsWith(".yaml")))("%s: so does the library's", (file) => {
    const scenario = readScenario(`${folder}/${file}`, { plannerSchema: plannerConfigSchema });
    const settings = settingsOf(scenario);
    if (scenario.planner === null) expect(settings).toBeNull();
    else expect(read(settings!)).toMatchObject(expected(scenario));
  });

  it("is refused, with its place, where planner.yaml has no key for it", () => {
    const traced = { ...scenarioWith("{ strategy: default }") };
    const rehearsal = prepareRehearsal(traced);
    const bank = scenarioWith("{ strategy: sla-compat, predictor: bank }");
    expect(() => plannerSettings(prepareRehearsal(bank))).toThrow(/predictor bank/);
    const planner = { ...traced.planner!, warmupTrace: "before.jsonl" } as typeof traced.planner;
    expect(() => plannerSettings({ ...rehearsal, scenario: { ...traced, planner } })).toThrow(/lies on this machine/);
  });
});
