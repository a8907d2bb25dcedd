import type { Backend, NativeEngine } from "#src/estimator";
import { aggregatedPassTokens, bytesInUse } from "./memory.ts";
import { leastTrusted, type PlanRow } from "./rows.ts";
import type { Workload } from "./workers.ts";

/** Context tokens of a pass up to which steps are small, and how finely larger ones are tried (AIConfigurator 0.12). */
const NORMAL_CONTEXT_TOKENS = 8192;
const SMALL_STEPS = 16;
const LARGE_STEPS = 8;
const MAX_PROMPTS_PER_PASS = 2;

const steps = (from: number, below: number, by: number) =>
  Array.from({ length: Math.ceil((below - from) / by) }, (_, i) => from + i * by);

/** Batch sizes that are tried of an aggregated engine's attention rank. */
export const AGGREGATED_BATCHES: readonly number[] = [
  ...steps(1, 16, 1),
  ...steps(16, 32, 4),
  ...steps(32, 64, 8),
  ...steps(64, 256, 16),
  ...steps(256, 512, 32),
  512,
  768,
  1024,
];

/** CPU work of vLLM before a prompt's first pass is under way, ms per layer (AIConfigurator's calibration on silicon). */
const VLLM_DISPATCH_MS_PER_LAYER = 0.8;
/** TensorRT-LLM admits nothing for so many passes after a prompt is done. */
const DRAINED_PASSES = 3;

/** Context tokens of a pass that are worth trying: whole prompts, up to two or up to 8192 tokens. */
export function contextTokensToTry(isl: number): number[] {
  const most = Math.max(NORMAL_CONTEXT_TOKENS, isl * MAX_PROMPTS_PER_PASS);
  const stride = Math.max(isl, NORMAL_CONTEXT_TOKENS / SMALL_STEPS);
  const largeStride =
    Math.ceil(Math.max(1024, NORMAL_CONTEXT_TOKENS / SMALL_STEPS, Math.floor(most / LARGE_STEPS)) / isl) * isl;
  const tried = new Set<number>();
  for (let tokens = stride; tokens <= most; tokens += tokens < NORMAL_CONTEXT_TOKENS ? stride : largeStride) {
    tried.add(tokens);
  }
  for (let prompts = 1; prompts <= MAX_PROMPTS_PER_PASS; prompts++) tried.add(prompts * isl);
  return [...tried].sort((a, b) => a - b);
}

/**
 * An engine that prefills and decodes in the same passes, at one batch size and so many context tokens a pass; null where it does
 * not fit. AIConfigurator's mean-field model of in-flight batching: passes that mix prompts with decoding sequences until the
 * batch's prompts are done, then passes that only decode.
 *
 * @param layers of the model
 */
export function aggregatedPoint(
  engine: NativeEngine,
  { isl, osl }: Workload,
  batch: number,
  contextTokens: number,
  layers: number,
): PlanRow | null {
  const { backend } = engine.spec;
  const { layout } = engine.facts;
  const promptsPerPass = Math.ceil(contextTokens / isl);
  const passTokens = batch > 1 ? contextTokens + batch - promptsPerPass : contextTokens;
  if (bytesInUse(engine, batch, isl + osl, aggregatedPassTokens(engine, passTokens)) === null) return null;

  const schedule = mixedSchedule(backend, { isl, osl }, batch, contextTokens);
  const mixed = engine.mixedStep(contextTokens, schedule.decodingInMixed, isl, osl);
  const decoding = engine.generation(batch, isl + Math.floor(osl / 2));

  const promptMs =
    mixed.ms * Math.ceil(isl / contextTokens) + (backend === "vllm" ? VLLM_DISPATCH_MS_PER_LAYER * layers : 0);
  const ttftMs = promptMs * queueing(backend, batch, schedule.promptPasses);
  const passes = schedule.mixedForTpot + schedule.decodePasses;
  const tpotMs = passes === 0 ? 0 : (mixed.ms * schedule.mixedForTpot + decoding.ms * schedule.decodePasses) / passes;
  const requestLatencyMs = ttftMs + tpotMs * Math.max(0, osl - 1);

  const runMs = schedule.mixedPasses * mixed.ms + schedule.decodePasses * decoding.ms;
  let tokensPerSecond = (1000 * batch * Math.max(0, osl - 1)) / runMs;
  // Little's law: no more than `batch` requests are under way.
  if (backend === "vllm") tokensPerSecond = Math.min(tokensPerSecond, (1000 * batch * (osl - 1)) / requestLatencyMs);
  tokensPerSecond *= layout.pp * layout.attentionDp;
  return {
    backend,
    backendVersion: engine.facts.backendVersion,
    agg: { parallelism: engine.spec.parallelism, layout, workers: 1, batchSize: batch },
    group: `${backend} ${engine.spec.parallelism}`,
    ttftMs,
    tpotMs,
    requestLatencyMs,
    requestsPerSecond: osl > 1 ? tokensPerSecond / (osl - 1) : 0,
    tokensPerSecondPerGpu: tokensPerSecond / layout.gpus,
    tokensPerSecondPerUser: tpotMs > 0 ? 1000 / tpotMs : 0,
    concurrency: batch * layout.pp * layout.attentionDp,
    gpus: layout.gpus,
    origin: leastTrusted(mixed.origin, decoding.origin),
  };
}

/** Every batch size and pass size of an engine that fits. */
export function aggregatedPoints(engine: NativeEngine, workload: Workload, layers: number): PlanRow[] {
  const { isl, osl } = workload;
  const contextTokens = contextTokensToTry(isl);
  const rows: PlanRow[] = [];
  const seen = new Set<number>();
  for (const batch of AGGREGATED_BATCHES) {
    for (const tokens of contextTokens) {
      const prompts = Math.ceil(tokens / isl);
      if (batch < prompts || (batch > 1 && batch === prompts)) break;
      const excess = (isl * batch) / tokens / osl;
      if (excess > 1) {
        // Prompts take longer than the output: batches with as many decoding sequences a pass are the same point.
        const decodingInMixed = Math.floor(batch / excess);
        if (decodingInMixed > 1 && seen.has(decodingInMixed)) continue;
        seen.add(decodingInMixed);
      }
      const row = aggregatedPoint(engine, workload, batch, tokens, layers);
      if (row === null) break;
      rows.push(row);
    }
  }
  return rows;
}

interface Schedule {
  /** Passes until all prompts of the batch are computed. */
  promptPasses: number;
  mixedPasses: number;
  decodePasses: number;
  /** Mixed passes that count for the time between tokens. */
  mixedForTpot: number;
  /** Sequences that decode in a mixed pass. */
  decodingInMixed: number;
}

function mixedSchedule(backend: Backend, { isl, osl }: Workload, batch: number, contextTokens: number): Schedule {
  const promptPasses = Math.ceil((isl * batch) / contextTokens);
  if (batch === 1) {
    return { promptPasses, mixedPasses: 1, decodePasses: Math.max(0, osl - 1), mixedForTpot: 0, decodingInMixed: 0 };
  }
  const promptBound = promptPasses >= osl;
  const others = batch - Math.ceil(contextTokens / isl);
  const decodingInMixed = Math.max(
    1,
    backend !== "vllm" && promptBound ? Math.floor(batch / (promptPasses / osl)) : others,
  );
  return {
    promptPasses,
    mixedPasses: promptPasses,
    decodePasses: promptBound ? 0 : osl - promptPasses,
    mixedForTpot: promptBound || backend === "vllm" ? promptPasses : Math.max(1, promptPasses - DRAINED_PASSES),
    decodingInMixed,
  };
}

/** How many times its own prefill a prompt waits for its first token, others being there. */
function queueing(backend: Backend, batch: number, promptPasses: number): number {
  if (backend === "vllm") return Math.min(1 + Math.log2(batch) / 8, 2);
  return Math.min(2 + (promptPasses - 3) / 20, 4);
}
