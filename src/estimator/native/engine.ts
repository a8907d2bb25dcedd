import type { ModelFacts } from "../models/types.ts";
import type {
  EngineFacts,
  EngineSpec,
  Estimate,
  MemoryBreakdown,
  NativeEngine,
  OperationEstimate,
  RankPass,
} from "../types.ts";
import type { EngineGraph } from "./graph.ts";
import { type Operation, ORIGINS, type Pass, type Step } from "./operation.ts";

/** Steps of a mean over an output, as the source's static pass takes them. */
const OUTPUT_STRIDE = 32;
const NO_WORK: Estimate = { ms: 0, origin: ORIGINS[0]!, adjusted: false };
const ATTENTION: ReadonlySet<string> = new Set(["attention", "window_attention"]);

export interface EngineParts {
  spec: EngineSpec;
  model: ModelFacts;
  facts: EngineFacts;
  memory: MemoryBreakdown;
  kvTokensPerRank: number;
  graph: EngineGraph;
  activationBytes(tokens: number): number;
}

/** An engine that answers from its operations. */
export function engineOf({ graph, model: _, ...parts }: EngineParts): NativeEngine {
  const contextAttention = graph.context.filter(isAttention);
  const contextRest = graph.context.filter((step) => !isAttention(step));
  const generationAttention = graph.generation.filter(isAttention);

  const generation = (batch: number, context: number): Estimate =>
    timed(graph.generation, { batch, tokens: 1, prefix: 0, context });

  const context = (batch: number, isl: number, prefix = 0): Estimate =>
    timed(graph.context, contextPass(batch, isl, prefix));

  const forwardPass = ({ prompts, promptTokens, cachedTokens, sequences, contextTokens }: RankPass): Estimate => {
    const hasPrompts = prompts > 0 && promptTokens > 0;
    const held = Math.max(1, Math.floor(contextTokens / Math.max(1, sequences)));
    if (!hasPrompts) return sequences > 0 ? generation(sequences, held) : NO_WORK;
    const prefix = Math.floor(cachedTokens / prompts);
    const isl = prefix + Math.max(1, Math.floor(promptTokens / prompts));
    if (sequences <= 0) return context(prompts, isl, prefix);
    const together: Pass = { batch: 1, tokens: promptTokens + sequences, prefix: 0, context: 0 };
    return sumOf([
      timed(contextRest, together),
      timed(contextAttention, contextPass(prompts, isl, prefix)),
      timed(generationAttention, { batch: sequences, tokens: 1, prefix: 0, context: held }),
    ]);
  };

  return {
    spec: parts.spec,
    facts: parts.facts,
    memory: parts.memory,
    kvTokensPerRank: parts.kvTokensPerRank,
    activationBytes: parts.activationBytes,
    context,
    generation,
    forwardPass,
    meanGeneration: (batch, isl, osl) => meanOverOutput(generation, batch, isl, osl),
    contextOperations: (batch, isl, prefix = 0) => listed(graph.context, contextPass(batch, isl, prefix)),
    generationOperations: (batch, context) => listed(graph.generation, { batch, tokens: 1, prefix: 0, context }),
    mixedStep: (contextTokens, generationTokens, isl, osl) => {
      // The mean place in the output, and the token that is being written.
      const context = isl + Math.floor(osl / 2) + 1;
      const prompts = Math.ceil(contextTokens / isl);
      const chunks = Math.ceil(isl / contextTokens);
      const together: Pass = { batch: 1, tokens: contextTokens + generationTokens, prefix: 0, context: 0 };
      const decoding: Pass = { batch: generationTokens, tokens: 1, prefix: 0, context };
      const rest = timed(contextRest, together);
      const parts = [
        rest,
        scaled(timed(contextAttention, contextPass(prompts, isl, 0)), 1 / chunks),
        timed(generationAttention, decoding),
      ];
      return sumOf(parts);
    },
  };
}

function contextPass(batch: number, isl: number, prefix: number): Pass {
  return { batch, tokens: isl - prefix, prefix, context: isl };
}

function isAttention(step: Step): boolean {
  return ATTENTION.has(step.name);
}

/** Mean of a step over an output of `osl` tokens: the first comes with the prompt, so `osl` − 1 steps. */
function meanOverOutput(
  generation: (batch: number, context: number) => Estimate,
  batch: number,
  isl: number,
  osl: number,
): Estimate {
  const steps = Math.max(1, osl - 1);
  const parts: Estimate[] = [];
  for (let step = 0; step < steps; step += OUTPUT_STRIDE) {
    const share = Math.min(OUTPUT_STRIDE, steps - step) / steps;
    parts.push(scaled(generation(batch, isl + step + 1), share));
  }
  return sumOf(parts);
}

/** Sums as it goes and allocates only the answer: this is asked in loops. */
function timed(steps: readonly Step[], pass: Pass): Estimate {
  let us = 0;
  let rank = 0;
  let adjusted = false;
  for (const step of steps) {
    if (!("branches" in step)) {
      us += step.count * step.micros(pass);
      if (step.verdict.rank > rank) rank = step.verdict.rank;
      if (step.verdict.adjusted) adjusted = true;
      continue;
    }
    const longer = step.branches.map((branch) => timed(branch, pass)).reduce((a, b) => (b.ms > a.ms ? b : a));
    us += longer.ms * 1000;
    rank = Math.max(rank, ORIGINS.indexOf(longer.origin));
    adjusted ||= longer.adjusted;
  }
  return { ms: us / 1000, origin: ORIGINS[rank]!, adjusted };
}

/** One row an operation. Of two parallel branches the longer is listed, for its time is what the pass takes. */
function listed(steps: readonly Step[], pass: Pass): OperationEstimate[] {
  return steps.flatMap((step) => {
    if (!("branches" in step)) return [row(step, pass)];
    const [a, b] = step.branches;
    return listed(timed(b, pass).ms > timed(a, pass).ms ? b : a, pass);
  });
}

function row(operation: Operation, pass: Pass): OperationEstimate {
  const ms = (operation.count * operation.micros(pass)) / 1000;
  const { rank, adjusted } = operation.verdict;
  return { name: operation.name, ms, origin: ORIGINS[rank]!, adjusted };
}

function scaled(estimate: Estimate, factor: number): Estimate {
  return { ...estimate, ms: estimate.ms * factor };
}

function sumOf(parts: readonly Estimate[]): Estimate {
  let ms = 0;
  let rank = 0;
  let adjusted = false;
  for (const part of parts) {
    ms += part.ms;
    rank = Math.max(rank, ORIGINS.indexOf(part.origin));
    adjusted ||= part.adjusted;
  }
  return { ms, origin: ORIGINS[rank]!, adjusted };
}
