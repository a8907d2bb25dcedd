import type { GpuSystem } from "../systems/types.ts";
import type { AttentionShape, Collective, ExpertShape, OpTables } from "../tables/types.ts";
import { cacheBytes, formatFlops, isNarrow, weightBytes } from "./formats.ts";
import { type AnalyticParameters, credible, type LatentParameters } from "./parameters.ts";

/** What answers for single operations: op tables, or the kernels here in their place. Microseconds of one call. */
export type OpTimes = Pick<
  OpTables,
  | "gemm"
  | "contextAttention"
  | "generationAttention"
  | "allReduce"
  | "collective"
  | "experts"
  | "contextMla"
  | "generationMla"
>;

const CONTEXT_EXPONENT = 1.5;
const US = 1e6;

/** Sizes of DeepSeek-V3's latent attention (arXiv 2412.19437, table of hyper-parameters). */
const MLA = { hiddenSize: 7168, qRank: 1536, kvRank: 512, rope: 64, nope: 128, value: 128 };

/**
 * Rooflines with fitted efficiencies: an operation takes the smooth maximum of computing and reading, and a fixed time. Forms as
 * fitted to the op latencies of aiconfigurator 0.12.0 (see parameters.ts); speeds are the data sheet's, so they also serve a GPU
 * that was never measured.
 */
export function analyticTimes(system: GpuSystem, p: AnalyticParameters, latent: LatentParameters): OpTimes {
  const bandwidth = system.memoryBytesPerSecond;
  const flops16 = system.flops.bfloat16;

  const gemm = gemmTimes(system, p);

  const contextAttention = (
    fmha: string,
    kv: string,
    shape: AttentionShape,
    batch: number,
    tokens: number,
    prefix = 0,
  ): number => {
    const full = tokens + prefix;
    const narrow = isNarrow(fmha, system);
    const speed = formatFlops(fmha, system) * (narrow ? p.context8Compute : p.contextCompute);
    // A causal mask leaves half of the square; a window leaves a band.
    const pairs = shape.window ? 2 * tokens * Math.min(full, shape.window) : full * full - prefix * prefix;
    const compute = (2 * batch * pairs * shape.heads * shape.headSize) / speed;
    const bytes = batch * shape.headSize * (4 * shape.heads * tokens + 2 * cacheBytes(kv) * shape.kvHeads * full);
    const reading = bytes / (bandwidth * p.contextMemory);
    return smoothMax(compute, reading, CONTEXT_EXPONENT) * US + p.contextFixedUs;
  };

  const generationBytes = (bytes: number): number => {
    const reading = (bytes / (bandwidth * p.generationMemory)) * US;
    const knee = p.generationKneeUs;
    return p.generationFixedUs + reading + knee * (1 - Math.exp(-reading / knee));
  };
  const generationAttention = (kv: string, shape: AttentionShape, batch: number, context: number): number => {
    const seen = shape.window ? Math.min(context, shape.window) : context;
    const perToken = 2 * shape.kvHeads * shape.headSize * cacheBytes(kv);
    return generationBytes(batch * perToken * (seen + p.generationExtraTokens));
  };

  const link = (gpus: number): number =>
    gpus <= system.fabricGpus ? system.intraNodeBytesPerSecond : system.interNodeBytesPerSecond;

  const allReduce = (gpus: number, elements: number): number => {
    if (gpus <= 1) return 0;
    const moving = ((2 * (gpus - 1)) / gpus) * ((2 * elements) / (p.linkEfficiency * link(gpus))) * US;
    const knee = p.allReduceKneeUs * gpus;
    return p.allReduceFixedUs + moving + knee * (1 - Math.exp(-moving / knee));
  };

  const collective = (kind: Collective, gpus: number, elements: number): number => {
    if (gpus <= 1) return 0;
    const shares = kind === "all_reduce" ? 2 : 1;
    const moving = ((shares * (gpus - 1)) / gpus) * ((2 * elements) / (p.linkEfficiency * link(gpus))) * US;
    return p.collectiveFixedUs + moving;
  };

  const experts = (shape: ExpertShape, format: string, tokens: number, moeTp: number, moeEp: number): number => {
    const narrow = isNarrow(format, system);
    const weights = (3 * shape.hiddenSize * shape.intermediateSize) / moeTp;
    const rows = (tokens * shape.expertsPerToken) / moeEp;
    const missed = 1 - shape.expertsPerToken / shape.experts;
    const active = (shape.experts * (1 - missed ** (p.expertsDistinct * tokens))) / moeEp;
    const imbalance = 1 + (p.expertsImbalance - 1) * (1 - 1 / moeEp);
    const speed = formatFlops(format, system) * (narrow ? p.experts8Compute : p.expertsCompute);
    const compute = (2 * rows * weights * imbalance) / speed;
    const activations = rows * (2 * shape.hiddenSize + (3 * shape.intermediateSize) / moeTp) * 2;
    const reading =
      (active * weights * weightBytes(format) + activations) /
      (bandwidth * (narrow ? p.experts8Memory : p.expertsMemory));
    return smoothMax(compute, reading, p.expertsExponent) * US + p.expertsFixedUs;
  };

  // The block was measured whole, without the host's overhead that single FP8 products of vLLM have in them.
  const product = gemmTimes(system, credible(p));
  const projections = (format: string, heads: number, m: number): number =>
    product(format, m, MLA.qRank + MLA.kvRank + MLA.rope, MLA.hiddenSize) +
    product(format, m, heads * (MLA.nope + MLA.rope), MLA.qRank) +
    product(format, m, MLA.hiddenSize, heads * MLA.value);
  const contextMla: OpTimes["contextMla"] = (_fmha, _kv, format, heads, batch, tokens, prefix = 0) => {
    const m = batch * tokens;
    const full = tokens + prefix;
    const products = projections(format, heads, m) + product(format, m, heads * (MLA.nope + MLA.value), MLA.kvRank);
    // Queries and keys are wider than values; the kernel's work is that of their mean.
    const width = (MLA.nope + MLA.rope + MLA.value) / 2;
    const attention = (2 * batch * (full * full - prefix * prefix) * heads * width) / (flops16 * latent.contextCompute);
    return latent.contextProducts * products + attention * US + latent.contextFixedUs;
  };
  const generationMla: OpTimes["generationMla"] = (kv, format, heads, batch, context) => {
    // Keys and values are not expanded but absorbed into queries and outputs: a batched product for each.
    const absorbing = (4 * batch * heads * MLA.nope * MLA.kvRank) / (flops16 * p.gemmCompute);
    const weights = (2 * heads * (MLA.nope + MLA.value) * MLA.kvRank) / (bandwidth * p.gemmMemory);
    const products = projections(format, heads, batch) + (absorbing + weights) * US;
    const width = MLA.kvRank + MLA.rope;
    const reading = (batch * context * width * cacheBytes(kv)) / (bandwidth * latent.generationMemory);
    const compute = (2 * batch * heads * context * (width + MLA.kvRank)) / (flops16 * latent.generationCompute);
    return latent.generationProducts * products + Math.max(reading, compute) * US + latent.generationFixedUs;
  };

  return {
    gemm,
    contextAttention,
    generationAttention,
    allReduce,
    collective,
    experts,
    contextMla,
    generationMla,
  };
}

function gemmTimes(system: GpuSystem, p: AnalyticParameters): OpTimes["gemm"] {
  return (format, m, n, k) => {
    const narrow = isNarrow(format, system);
    const w = weightBytes(format);
    const speed = formatFlops(format, system) * (narrow ? p.gemm8Compute : p.gemmCompute);
    const bandwidth = system.memoryBytesPerSecond * (narrow ? p.gemm8Memory : p.gemmMemory);
    const inputBytes = narrow ? Math.min(w, 1) : 2;
    const reading = (w * n * k + inputBytes * m * k + 2 * m * n) / bandwidth;
    const fixed = narrow ? p.gemm8FixedUs : p.gemmFixedUs;
    return smoothMax((2 * m * n * k) / speed, reading, p.gemmExponent) * US + fixed;
  };
}

function smoothMax(a: number, b: number, exponent: number): number {
  // Scaled by the larger one: a power of seconds would underflow.
  const larger = Math.max(a, b);
  const smaller = Math.min(a, b);
  return larger * (1 + (smaller / larger) ** exponent) ** (1 / exponent);
}
