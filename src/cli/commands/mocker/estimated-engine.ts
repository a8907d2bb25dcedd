import { UserError } from "#common";
import { capacityLines, outOfMemoryLine } from "#src/deployment";
import { type EngineSpec, modelFacts, type NativeEngine, openNativeEngine } from "#src/estimator";
import { badFlag, contradiction, notHonoured } from "./errors.ts";
import type { MockerFlags } from "./flags.ts";

/** Whose share of GPU memory each flag is. */
const MEMORY_FLAGS = {
  vllm: ["gpuMemoryUtilization", "--gpu-memory-utilization"],
  sglang: ["memFractionStatic", "--mem-fraction-static"],
  trtllm: ["freeGpuMemoryFraction", "--free-gpu-memory-fraction"],
} as const;

/**
 * The engine of Dynamo's `--aic-*` flags, or null without `--aic-perf-model`.
 * @throws UserError where something is missing or contradictory, or the estimator does not know the engine
 */
export function estimatedEngine(flags: MockerFlags): NativeEngine | null {
  const { aicSystem, modelPath, aicBackendVersion } = flags;
  if (!flags.aicPerfModel) {
    refuseWithoutPerfModel(flags);
    return null;
  }
  if (aicSystem === undefined) {
    throw contradiction("--aic-perf-model", "nothing says on which GPU", "give --aic-system, such as h200_sxm");
  }
  const model = modelPath ?? flags.model;
  if (model === undefined) {
    throw contradiction(
      "--aic-perf-model",
      "nothing says of which model",
      "give --model-path, a Hugging Face id or a folder with a config.json",
    );
  }
  const backend = flags.aicBackend ?? "vllm";
  const memoryFraction = flags[MEMORY_FLAGS[backend][0]];
  return opened(flags, {
    model,
    system: aicSystem,
    backend,
    parallelism: parallelismOf(flags),
    ...(aicBackendVersion === undefined ? {} : { backendVersion: aicBackendVersion }),
    ...(memoryFraction === undefined ? {} : { memoryFraction }),
    ...(flags.maxNumBatchedTokens === undefined ? {} : { maxBatchedTokens: flags.maxNumBatchedTokens }),
    // One that runs splits heads as far as its command line says.
    ...(flags.engineLog ? { leastHeadsPerGpu: 1 } : {}),
  });
}

/** A real engine that has no room for its KV cache says so before it ends. */
function opened(flags: MockerFlags, spec: EngineSpec): NativeEngine {
  try {
    return openNativeEngine(spec);
  } catch (error) {
    const isFull = error instanceof UserError && error.code === "ESTIMATOR_DOES_NOT_FIT";
    if (flags.engineLog && isFull) process.stderr.write(`${outOfMemoryLine(spec.backend)}\n`);
    throw error;
  }
}

/** Longest prompt + output where neither flags nor the model say it, tokens. */
const DEFAULT_CONTEXT = 40_960;

/** What the backend would log of its KV cache. @param tokens of one attention rank */
export function engineLog(flags: MockerFlags, { spec, memory }: NativeEngine, tokens: number): string[] {
  const contextLength = flags.maxModelLen ?? modelFacts(spec.model).maxContextLength ?? DEFAULT_CONTEXT;
  const { backend } = spec;
  return capacityLines({ backend, tokens, bytesPerToken: memory.kvBytesPerToken, contextLength }, new Date());
}

/** The layout that the sizes add up to: GPUs of attention and of experts are the same. */
export function parallelismOf(flags: MockerFlags): string {
  const tp = flags.aicTpSize ?? 1;
  const dp = flags.aicAttentionDpSize ?? 1;
  const gpus = tp * dp;
  const moeTp = flags.aicMoeTpSize ?? (flags.aicMoeEpSize === undefined ? gpus : gpus / flags.aicMoeEpSize);
  const moeEp = flags.aicMoeEpSize ?? gpus / moeTp;
  if (moeTp * moeEp !== gpus || !Number.isInteger(moeTp) || !Number.isInteger(moeEp)) {
    throw badFlag(
      "--aic-moe-tp-size, --aic-moe-ep-size",
      `${flags.aicMoeTpSize ?? "(none)"} × ${flags.aicMoeEpSize ?? "(none)"}`,
      `sizes whose product is --aic-tp-size × --aic-attention-dp-size = ${gpus}`,
    );
  }
  if (dp === 1 && moeEp === 1) return `tp${tp}`;
  if (dp === 1 && moeTp === 1) return `tep${tp}`;
  if (tp === 1 && moeTp === 1) return `dep${dp}`;
  throw notHonoured(
    "--aic-tp-size, --aic-attention-dp-size, --aic-moe-tp-size, --aic-moe-ep-size",
    `nothing measured tells how tp ${tp}, attention-dp ${dp}, moe-tp ${moeTp} and moe-ep ${moeEp} do together`,
    "take TP (moe-tp = tp), TEP (moe-ep = tp) or DEP (moe-ep = attention-dp)",
  );
}

function refuseWithoutPerfModel(flags: MockerFlags): void {
  const given = (
    [
      ["--aic-system", flags.aicSystem],
      ["--aic-backend", flags.aicBackend],
      ["--aic-backend-version", flags.aicBackendVersion],
      ["--aic-tp-size", flags.aicTpSize],
      ["--aic-moe-tp-size", flags.aicMoeTpSize],
      ["--aic-moe-ep-size", flags.aicMoeEpSize],
      ["--aic-attention-dp-size", flags.aicAttentionDpSize],
      ["--engine-log", flags.engineLog],
    ] as const
  ).find(([, value]) => value !== undefined);
  if (given !== undefined) {
    throw contradiction(given[0], "it says what the estimator is to time, which is off", "give --aic-perf-model, too");
  }
}
