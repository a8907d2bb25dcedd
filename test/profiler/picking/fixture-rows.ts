import { engineLayout, type NativeEngine } from "#src/estimator";
import type { PickingRequest } from "../../../src/profiler/picking/decision.ts";
import type { PlanRow, WorkerRow } from "../../../src/profiler/picking/rows.ts";

export function worker(
  parallelism: string,
  batchSize: number,
  latencyMs: number,
  requestsPerSecond: number,
): WorkerRow {
  const layout = engineLayout(parallelism);
  return {
    parallelism,
    layout,
    gpus: layout.gpus,
    batchSize,
    globalBatchSize: batchSize * layout.attentionDp,
    latencyMs,
    requestsPerSecond,
    origin: "table",
  };
}

export function aggregatedRow(parallelism: string, given: Partial<PlanRow>): PlanRow {
  const layout = engineLayout(parallelism);
  const tpotMs = given.tpotMs ?? 10;
  return {
    backend: "vllm",
    agg: { parallelism, layout, workers: 1, batchSize: 8 },
    group: `vllm ${parallelism}`,
    ttftMs: 100,
    tpotMs,
    requestLatencyMs: 100 + tpotMs * 99,
    requestsPerSecond: 1,
    tokensPerSecondPerGpu: 100,
    tokensPerSecondPerUser: 1000 / tpotMs,
    concurrency: 8,
    gpus: layout.gpus,
    origin: "table",
    ...given,
  };
}

export function pickingRequest(given: Partial<PickingRequest> = {}): PickingRequest {
  return {
    backend: "vllm",
    model: "some/model",
    hardware: { gpuSku: "h200_sxm", gpusPerNode: 8, totalGpus: 8, discovered: false },
    workload: { isl: 1000, osl: 100 },
    sla: { ttftMs: 1000, itlMs: 20, given: { ttft: true, itl: true } },
    sweep: {
      prefillGranularity: 16,
      decodeGranularity: 6,
      skipExisting: false,
      dryRun: false,
      interpolation: "none",
    },
    mocker: { enabled: false, flavour: "dynamo" },
    ...given,
  };
}

export const SCALING_PLANNER: NonNullable<PickingRequest["planner"]> = {
  settings: {},
  enableThroughputScaling: true,
  enableLoadScaling: false,
  mode: "disagg",
};

export interface SimpleTimes {
  /** ms of a prompt token, and of a pass whatever it holds. */
  promptTokenMs: number;
  passMs: number;
  /** ms a decoding sequence adds, and 1000 tokens of its context. */
  sequenceMs: number;
  contextMs: number;
  origin?: "table" | "analytic";
}

/** An engine whose times are sums, so that a test can do them in its head; memory is plenty unless said otherwise. */
export function simpleEngine(
  backend: "vllm" | "sglang" | "trtllm",
  parallelism: string,
  times: SimpleTimes,
  memory: Partial<NativeEngine["memory"]> = {},
): NativeEngine {
  const layout = engineLayout(parallelism);
  const share = 1 / (layout.tp * 1);
  const origin = times.origin ?? "table";
  const of = (ms: number) => ({ ms, origin, adjusted: false });
  const decoding = (batch: number, context: number) =>
    batch * times.sequenceMs * share + (batch * context * times.contextMs * share) / 1000;
  const generation = (batch: number, context: number) => of(times.passMs + decoding(batch, context));
  const GIB = 2 ** 30;
  return {
    spec: { model: "some/model", system: "h200_sxm", backend, parallelism },
    facts: {
      layout,
      backendVersion: "1.0",
      quantization: {},
      memoryFraction: 0.9,
      maxKvTokens: 1e6,
      kvBytesPerToken: 65536,
      source: "test",
    },
    memory: {
      weightsBytes: (16 * GIB) / layout.gpus,
      activationBytes: GIB,
      runtimeBytes: GIB,
      communicationBytes: 0,
      kvBudgetBytes: 64 * GIB,
      kvBytesPerToken: 65536,
      capacityBytes: 141 * GIB,
      ...memory,
    },
    kvTokensPerRank: 1e6,
    context: (batch, isl) => of(times.passMs + batch * isl * times.promptTokenMs * share),
    generation,
    forwardPass: ({ promptTokens, sequences, contextTokens }) =>
      of(
        times.passMs +
          promptTokens * times.promptTokenMs * share +
          decoding(sequences, contextTokens / Math.max(1, sequences)),
      ),
    meanGeneration: (batch, isl, osl) => generation(batch, isl + osl / 2),
    contextOperations: () => [],
    generationOperations: () => [],
    activationBytes: (tokens) => tokens * 65536,
    mixedStep: (contextTokens, generationTokens, isl, osl) =>
      of(times.passMs + contextTokens * times.promptTokenMs * share + decoding(generationTokens, isl + osl / 2)),
  };
}
