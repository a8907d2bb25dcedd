import type { EngineSpec, EstimateOrigin, MemoryBreakdown, OperationEstimate } from "#src/estimator";
import { type NativeEngine, openNativeEngine } from "#src/estimator";
import type { EstimateFlags } from "../estimate.ts";
import { missingFlag, tooFewFlags } from "./errors.ts";

/** What one point of an engine is asked for. */
export interface Asked {
  spec: EngineSpec;
  isl: number;
  prefix: number;
  /** Requests at once on the whole engine. */
  batch: number;
  /** Present: ITL is the mean over an output of so many tokens. */
  osl?: number;
  /** Else that of one step at this context. */
  context: number;
}

export interface Time {
  ms: number;
  tokensPerSecondPerGpu: number;
  origin: EstimateOrigin | "aiconfigurator";
  adjusted: boolean;
}

export interface PointAnswer {
  engine: {
    model: string;
    gpu: string;
    backend: string;
    backendVersion: string;
    parallelism: string;
    gpus: number;
    quantization: Record<string, string>;
    memoryFraction: number;
    source: string;
  };
  asked: { isl: number; prefix: number; batch: number; osl?: number; context: number };
  prefill: Time;
  decode: Time;
  memory?: MemoryBreakdown;
  kv: {
    bytesPerToken: number;
    tokens: number;
    /** Tokens that the asked batch takes at its longest. */
    neededTokens: number;
    /** Requests of that length that fit at once. */
    requests: number;
    fits: boolean;
  };
  operations?: { prefill: OperationEstimate[]; decode: OperationEstimate[] };
  adjustments: string[];
}

/** @throws UserError where a flag is missing, or two contradict each other */
export function pointOf(flags: EstimateFlags): Asked {
  const { model, gpu } = flags;
  if (model === undefined) throw missingFlag("--model", "such as Qwen/Qwen3-32B, or a folder with a config.json");
  if (gpu === undefined) throw missingFlag("--gpu", "such as h200_sxm; understudy estimate --supported lists all");
  const isl = flags.isl ?? 4096;
  const parallelism = flags.parallelism ?? `tp${flags.tp ?? 1}`;
  if (flags.parallelism !== undefined && flags.tp !== undefined && flags.parallelism !== `tp${flags.tp}`) {
    throw tooFewFlags("--tp, --parallelism", `one says tp${flags.tp}, the other ${flags.parallelism}`);
  }
  if ((flags.prefix ?? 0) >= isl) {
    throw tooFewFlags("--prefix", `${flags.prefix} tokens are cached of a prompt of ${isl}: none is left`);
  }
  if (flags.context !== undefined && flags.osl !== undefined) {
    throw tooFewFlags("--context, --osl", "one asks for a step at a context, the other for the mean over an output");
  }
  const { gemm, moe, kvcache, fmha } = flags;
  const formats = Object.fromEntries(
    Object.entries({ gemm, moe, kvcache, fmha }).filter(([, format]) => format !== undefined),
  );
  const optional = Object.fromEntries(
    Object.entries({
      backendVersion: flags.backendVersion,
      memoryFraction: flags.memoryFraction,
      maxBatchedTokens: flags.maxBatchedTokens,
    }).filter(([, value]) => value !== undefined),
  );
  return {
    spec: {
      model,
      system: gpu,
      backend: flags.backend ?? "vllm",
      parallelism,
      ...optional,
      ...(Object.keys(formats).length === 0 ? {} : { quantization: formats }),
      ...(flags.sanitise ? {} : { sanitise: false }),
    },
    isl,
    prefix: flags.prefix ?? 0,
    batch: flags.batch ?? 1,
    ...(flags.osl === undefined ? {} : { osl: flags.osl }),
    context: flags.context ?? isl,
  };
}

/** The built-in estimator's answer. @throws UserError where it does not know the engine */
export function nativePoint(asked: Asked): PointAnswer {
  const engine = openNativeEngine(asked.spec);
  const { facts, memory } = engine;
  const { attentionDp, gpus } = facts.layout;
  const perRank = Math.ceil(asked.batch / attentionDp);
  const prefill = engine.context(1, asked.isl, asked.prefix);
  const decode =
    asked.osl === undefined
      ? engine.generation(perRank, asked.context)
      : engine.meanGeneration(perRank, asked.isl, asked.osl);
  return {
    engine: engineLine(asked.spec, facts),
    asked: askedLine(asked),
    prefill: {
      ...prefill,
      tokensPerSecondPerGpu: ((asked.isl - asked.prefix) * attentionDp * 1000) / prefill.ms / gpus,
    },
    decode: { ...decode, tokensPerSecondPerGpu: (asked.batch * 1000) / decode.ms / gpus },
    memory,
    kv: kvOf(asked, engine.kvTokensPerRank * attentionDp, facts.kvBytesPerToken),
    operations: operationsOf(engine, asked, perRank),
    adjustments: [],
  };
}

function operationsOf(engine: NativeEngine, asked: Asked, perRank: number) {
  const context = asked.osl === undefined ? asked.context : asked.isl + Math.floor(asked.osl / 2);
  return {
    prefill: engine.contextOperations(1, asked.isl, asked.prefix),
    decode: engine.generationOperations(perRank, context),
  };
}

export function engineLine(spec: EngineSpec, facts: NativeEngine["facts"]): PointAnswer["engine"] {
  return {
    model: spec.model,
    gpu: spec.system,
    backend: spec.backend,
    backendVersion: facts.backendVersion,
    parallelism: spec.parallelism,
    gpus: facts.layout.gpus,
    quantization: { ...facts.quantization },
    memoryFraction: facts.memoryFraction,
    source: facts.source,
  };
}

export function askedLine({ spec: _, ...asked }: Asked): PointAnswer["asked"] {
  return asked;
}

/** How the asked batch and the KV cache compare; at its end a request holds its prompt and its output. */
export function kvOf(asked: Asked, tokens: number, bytesPerToken: number): PointAnswer["kv"] {
  const longest = asked.osl === undefined ? Math.max(asked.context, asked.isl) : asked.isl + asked.osl;
  const neededTokens = asked.batch * longest;
  return { bytesPerToken, tokens, neededTokens, requests: Math.floor(tokens / longest), fits: neededTokens <= tokens };
}
