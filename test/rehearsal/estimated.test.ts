import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { openNativeEngine } from "#src/estimator";
import { poolSpec, prepareRehearsal } from "#src/rehearsal";
import { mockerSettings } from "../../src/cli/commands/mocker/settings.ts";
import { FIXED, madeScenario } from "./made-scenario.ts";

const ENGINE = { model: "Qwen/Qwen3-32B", gpu: "h200_sxm", backend: "trtllm", parallelism: "tp4" };
const AGGREGATED = { mode: "agg", engine: { timing: { estimator: ENGINE } } };

function pool(deployment: object) {
  return poolSpec(madeScenario({ ...FIXED, deployment }).deployment, "decode", null);
}

describe("a pool that plays an estimate", () => {
  const engine = openNativeEngine({ ...ENGINE, backend: "trtllm", system: ENGINE.gpu });

  it("has the estimate's times, KV blocks and GPUs", () => {
    const spec = pool(AGGREGATED);
    expect(spec.gpusPerWorker).toBe(4);
    expect(spec.engine.numGpuBlocks).toBe(Math.floor(engine.kvTokensPerRank / 64));
    expect(spec.engine.timing.prefillMs(1, 4000, 0, 0)).toBe(engine.context(1, 4000).ms);
    expect(spec.engine.timing.decodeMs(32, 32 * 4000, 4000)).toBe(engine.generation(32, 4000).ms);
  });

  it("has what the scenario says instead", () => {
    const spec = pool({ ...AGGREGATED, agg: { gpusPerWorker: 2, engine: { numGpuBlocks: 500, blockSize: 16 } } });
    expect(spec).toMatchObject({ gpusPerWorker: 2, engine: { numGpuBlocks: 500, blockSize: 16 } });
    const fp8 = pool({
      mode: "agg",
      engine: { timing: { estimator: { ...ENGINE, quantization: { kvcache: "fp8" } } } },
    });
    expect(fp8.engine.numGpuBlocks / pool(AGGREGATED).engine.numGpuBlocks).toBeCloseTo(2, 2);
  });

  it("gets the same times in another process, which is sent the deployment as JSON", () => {
    const { deployment } = madeScenario({ ...FIXED, deployment: AGGREGATED });
    const here = poolSpec(deployment, "decode", null).engine;
    const there = poolSpec(JSON.parse(JSON.stringify(deployment)), "decode", null).engine;
    for (const context of [100, 3333, 20_000]) {
      expect(there.timing.prefillMs(2, 2 * context, 128, 0)).toBe(here.timing.prefillMs(2, 2 * context, 128, 0));
      expect(there.timing.decodeMs(17, 17 * context, context)).toBe(here.timing.decodeMs(17, 17 * context, context));
    }
  });

  it("agrees with the mocker of the same engine", async () => {
    const flags = {
      aicPerfModel: true,
      modelPath: ENGINE.model,
      aicSystem: "h200_sxm",
      aicBackend: "trtllm",
      aicTpSize: 4,
    } as const;
    const mocked = (await mockerSettings(flags)).host.settings.engine;
    const simulated = pool(AGGREGATED).engine;
    expect(mocked.numGpuBlocks).toBe(simulated.numGpuBlocks);
    for (const [batch, tokens] of [
      [1, 4000],
      [8, 1234],
      [64, 6000],
    ] as const) {
      const total = batch * tokens;
      expect(mocked.timing.prefillMs(batch, total, 0, 0)).toBe(simulated.timing.prefillMs(batch, total, 0, 0));
      expect(mocked.timing.decodeMs(batch, total, tokens)).toBe(simulated.timing.decodeMs(batch, total, tokens));
    }
  });

  it("runs: a lone request takes the estimate's prefill, then its steps", () => {
    const one = { constant: { requestRate: 1, duration: "1s", arrivals: "constant", isl: 4000, osl: 3 } };
    const { run } = prepareRehearsal(madeScenario({ ...FIXED, deployment: AGGREGATED, traffic: [one] }));
    const { requests } = run();
    expect(requests.firstTokenMs[0]! - requests.arrivalMs[0]!).toBeCloseTo(engine.context(1, 4000).ms, 3);
  });

  it("moves as many bytes as the estimate's KV cache has", () => {
    const side = { engine: { timing: { estimator: ENGINE } } };
    const deployment = { mode: "disagg", prefill: side, decode: side, kvTransfer: { bandwidth: "64GB/s" } };
    const { simulation } = prepareRehearsal(madeScenario({ ...FIXED, deployment }));
    expect(simulation.transfer?.bytesPerToken).toBe(engine.facts.kvBytesPerToken);
  });

  it("is refused where the estimator does not know it", () => {
    for (const wrong of [{ model: "nobody/knows" }, { gpu: "h9000" }, { parallelism: "tp3" }]) {
      const deployment = { mode: "agg", engine: { timing: { estimator: { ...ENGINE, ...wrong } } } };
      expect(() => pool(deployment)).toThrow(UserError);
    }
    const typo = { mode: "agg", engine: { timing: { estimator: { ...ENGINE, parallelism: "pp4" } } } };
    expect(() => pool(typo)).toThrow(/tpN, tepN or depN/);
  });
});
