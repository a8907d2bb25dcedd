import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { engineLayout, type NativeEngine } from "#src/estimator";
import { pickFromSweep, pickingMode, pickRapid, type RapidSources } from "#src/profiler";
import type { DecodeResult, Mapping, PrefillResult } from "../../../src/profiler/types.ts";
import { pickingRequest, SCALING_PLANNER, type SimpleTimes, simpleEngine } from "./fixture-rows.ts";

const GIB = 2 ** 30;
const TIMES: SimpleTimes = { promptTokenMs: 0.1, passMs: 5, sequenceMs: 0.1, contextMs: 0.02 };

function sources(given: Partial<RapidSources> = {}): RapidSources {
  return {
    model: {
      id: "some/model",
      layers: 32,
      hiddenSize: 4096,
      intermediateSize: 14_336,
      vocabSize: 128_256,
      mla: false,
      weightBytes: 16 * GIB,
    },
    system: { name: "h200_sxm", memoryBytes: 141 * GIB },
    covers: () => true,
    open: (backend, parallelism) => simpleEngine(backend, parallelism, TIMES),
    ...given,
  };
}

describe("[R093] the picking mode", () => {
  it("follows from what is asked for", () => {
    const loaded = { workload: { isl: 1000, osl: 100, requestRate: 3 } };
    expect(pickingMode(pickingRequest())).toBe("default");
    expect(pickingMode(pickingRequest(loaded))).toBe("load-match");
    expect(pickingMode(pickingRequest({ workload: { isl: 1000, osl: 100, concurrency: 3 } }))).toBe("load-match");
    expect(pickingMode(pickingRequest({ ...loaded, planner: SCALING_PLANNER }))).toBe("autoscale");
    const still = { ...SCALING_PLANNER, enableThroughputScaling: false };
    expect(pickingMode(pickingRequest({ ...loaded, planner: still }))).toBe("load-match");
    expect(pickingMode(pickingRequest({ planner: { ...still, enableLoadScaling: true } }))).toBe("autoscale");
  });
});

describe("[R200] an estimated pick", () => {
  it("[R090] for a scaling planner is one engine of each kind", () => {
    const pick = pickRapid(pickingRequest({ planner: SCALING_PLANNER }), sources());
    expect(pick).toMatchObject({ mode: "disagg", by: "autoscale", prefill: { replicas: 1 }, decode: { replicas: 1 } });
    expect(pick.ttftMs).toBeLessThan(1000);
    expect(pick.itlMs).toBeLessThan(20);
  });

  it("[R091] for a load is no more GPUs than it takes, and warns where there are too few", () => {
    const workload = { isl: 1000, osl: 100, requestRate: 8 };
    const pick = pickRapid(pickingRequest({ workload }), sources());
    expect(pick.by).toBe("load-match");
    expect(pick.requestsPerSecond).toBeGreaterThanOrEqual(8);
    expect(pick.gpus).toBeLessThan(8);
    expect(pick.warnings).toEqual([]);
    const twice = pickRapid(pickingRequest({ workload: { ...workload, requestRate: 16 } }), sources());
    expect(twice.gpus).toBeGreaterThan(pick.gpus);
  });

  it("[R062] warns of a load that needs more GPUs than there are", () => {
    const workload = { isl: 1000, osl: 100, requestRate: 500 };
    const pick = pickRapid(pickingRequest({ workload }), sources());
    expect(pick.loadServedPercent).toBeLessThan(100);
    expect(pick.gpus).toBeLessThanOrEqual(8);
    expect(pick.warnings[0]).toBe(
      "Target load requires more GPUs than available (8). Returning best config scaled to use all 8 GPUs. The target load may NOT be fully served.",
    );
    expect(pick.warnings[1]).toMatch(
      /^Load target requires \d+ GPUs but only 8 available\. Consider adding more GPUs or reducing the load target\.$/,
    );
  });

  it("[R092] for a budget is the better of aggregated and separate engines, filling the budget", () => {
    const pick = pickRapid(pickingRequest(), sources());
    expect(pick.by).toBe("default");
    expect(pick.gpus).toBe(8);
    const best = Math.max(
      ...pick.alternatives
        .filter((row) => row.ttftMs <= 1000 && row.itlMs <= 20)
        .map((row) => row.tokensPerSecondPerGpu * row.gpus),
    );
    expect(pick.tokensPerSecondPerGpu * pick.gpus).toBeCloseTo(best, 6);
    expect(new Set(pick.alternatives.map((row) => row.mode))).toEqual(new Set(["agg", "disagg"]));
  });

  it("has separate engines where the mocker needs them", () => {
    const cheapDispatch = sources();
    const plain = pickRapid(pickingRequest({ backend: "trtllm" }), cheapDispatch);
    const forMocker = pickRapid(
      pickingRequest({ backend: "trtllm", mocker: { enabled: true, flavour: "dynamo" } }),
      cheapDispatch,
    );
    expect(plain.mode).toBe("agg");
    expect(forMocker.mode).toBe("disagg");
    expect(forMocker.warnings.join()).toContain(
      "AIC picked aggregated config but separate prefill/decode picks are required",
    );
  });

  it("of any backend names the one that won; for a planner it is vLLM", () => {
    const slower = { ...TIMES, passMs: 9 };
    const mixed = sources({
      open: (backend, parallelism) => simpleEngine(backend, parallelism, backend === "sglang" ? TIMES : slower),
    });
    expect(pickRapid(pickingRequest({ backend: "auto" }), mixed).backend).toBe("sglang");
    expect(pickRapid(pickingRequest({ backend: "auto", planner: SCALING_PLANNER }), mixed).backend).toBe("vllm");
  });

  it("[R061] comes closest where no engine keeps the targets", () => {
    const sla = { ttftMs: 3, itlMs: 1, given: { ttft: true, itl: true } };
    for (const planner of [undefined, SCALING_PLANNER]) {
      const pick = pickRapid(pickingRequest({ sla, ...(planner === undefined ? {} : { planner }) }), sources());
      expect(pick.ttftMs).toBeGreaterThan(3);
      expect(pick.itlMs).toBeGreaterThan(1);
      expect(pick.itlMs).toBeLessThan(8);
    }
  });

  it("keeps the time of a whole request where that is the target", () => {
    const sla = { ttftMs: 2000, itlMs: 30, e2eLatencyMs: 1200, given: { ttft: false, itl: false } };
    const pick = pickRapid(pickingRequest({ sla }), sources());
    expect(pick.ttftMs + 99 * pick.itlMs).toBeLessThanOrEqual(1200);
  });

  it("without targets follows the optimization type", () => {
    const sla = (optimization: "latency" | "throughput") => ({
      ttftMs: 2000,
      itlMs: 30,
      optimization,
      given: { ttft: false, itl: false },
    });
    const fast = pickRapid(pickingRequest({ sla: sla("latency") }), sources());
    const cheap = pickRapid(pickingRequest({ sla: sla("throughput") }), sources());
    expect(fast.itlMs).toBeLessThan(cheap.itlMs);
    expect(fast.tokensPerSecondPerGpu).toBeLessThan(cheap.tokensPerSecondPerGpu);
  });

  it("leaves layouts of experts out that were not measured, while others were", () => {
    const tooGood = {
      promptTokenMs: 0.01,
      passMs: 0.5,
      sequenceMs: 0.01,
      contextMs: 0.002,
      origin: "analytic" as const,
    };
    const moe = { ...sources().model, moe: { experts: 128, intermediateSize: 768 } };
    const half = sources({
      model: moe,
      open: (backend, parallelism) =>
        simpleEngine(backend, parallelism, parallelism.startsWith("dep") ? tooGood : TIMES),
    });
    const pick = pickRapid(pickingRequest(), half);
    const used = [pick.prefill, pick.decode, pick.agg].flatMap((engine) => engine?.layout.attentionDp ?? []);
    expect(used.every((ranks) => ranks === 1)).toBe(true);
    expect(pick.warnings[0]).toContain("dep2, dep4, dep8");
    const none = sources({ model: moe, open: (backend, parallelism) => simpleEngine(backend, parallelism, tooGood) });
    expect(pickRapid(pickingRequest(), none).warnings[0]).toContain("rests on an analytic estimate");
  });

  it("skips layouts that the model does not allow", () => {
    const open = (backend: "vllm" | "sglang" | "trtllm", parallelism: string): NativeEngine => {
      if (parallelism !== "tp2") throw new UserError({ code: "TEST", message: "heads do not divide" });
      return simpleEngine(backend, parallelism, TIMES);
    };
    const pick = pickRapid(pickingRequest({ planner: SCALING_PLANNER }), sources({ open }));
    expect([pick.prefill!.layout.tp, pick.decode!.layout.tp]).toEqual([2, 2]);
  });

  it("falls back to the naive one where nothing covers the model, the GPU or the backend", () => {
    for (const given of [{ covers: () => false }, { system: undefined }]) {
      const { system, ...rest } = { ...sources(), ...given };
      const pick = pickRapid(pickingRequest({ backend: "auto" }), system === undefined ? rest : { ...rest, system });
      expect(pick).toMatchObject({ by: "naive", backend: "vllm", ttftMs: 0, mode: "agg" });
      expect(pick.warnings[0]).toBe("AIC does not support this combo - falling back to naive config generation.");
      expect(pick.warnings.at(-1)).toContain("SLA is unverified");
    }
  });
});

describe("[R200] a pick of measured engines", () => {
  const mapping = (gpus: number): Mapping => ({
    layout: engineLayout(`tp${gpus}`),
    kind: "TP",
    label: `TP=${gpus}`,
    tag: `TP${gpus}`,
  });
  const prefill: PrefillResult[] = [
    { mapping: mapping(1), ttftMs: 400, throughputPerGpu: 2500, origin: "measured" },
    { mapping: mapping(2), ttftMs: 250, throughputPerGpu: 2000, origin: "measured" },
  ];
  const decode: DecodeResult[] = [1, 2].flatMap((gpus) =>
    [1, 16, 64].map((concurrency) => ({
      mapping: mapping(gpus),
      concurrency,
      itlMs: (8 + concurrency / 4) / gpus ** 0.7,
      throughputPerGpu: (concurrency * 1000 * gpus ** 0.7) / (8 + concurrency / 4) / gpus,
      maxKvTokens: 1e6,
      origin: "measured" as const,
    })),
  );
  const results = { prefill, decode, skipped: [] };

  it("goes through the same picker", () => {
    const pick = pickFromSweep(pickingRequest({ planner: SCALING_PLANNER }), results, "sglang")!;
    expect(pick).toMatchObject({
      by: "autoscale",
      mode: "disagg",
      backend: "sglang",
      // 3.6 req/s of the prefill engine on three GPUs; tp1 before the same decode engine: 2.25 on two.
      prefill: { layout: { tp: 2 }, replicas: 1 },
      decode: { layout: { tp: 1 }, batchSize: 16, replicas: 1 },
    });
    expect(pick.ttftMs).toBeCloseTo(450, 6);
    expect(pick.requestsPerSecond).toBeCloseTo(3.6, 6);
  });

  it("matches rates for a load", () => {
    const workload = { isl: 1000, osl: 100, requestRate: 4 };
    const pick = pickFromSweep(pickingRequest({ workload }), results, "vllm")!;
    expect(pick.by).toBe("load-match");
    expect(pick.requestsPerSecond).toBeGreaterThanOrEqual(4);
    expect(pick.gpus).toBe(3);
  });

  it("is none where one side has no result", () => {
    expect(pickFromSweep(pickingRequest(), { ...results, decode: [] }, "vllm")).toBeNull();
  });
});
