import type { UserError } from "#common";
import { doesNotFit, unsupportedEngine } from "../errors.ts";
import { engineLayout } from "../layout.ts";
import type { ModelFacts } from "../models/types.ts";
import type { GpuSystem } from "../systems/types.ts";
import type { OpTables } from "../tables/types.ts";
import type { Backend, EngineFacts, EngineSpec, MemoryBreakdown, NativeEngine } from "../types.ts";
import { akinExperts } from "./akin-experts.ts";
import { analyticTimes } from "./analytic.ts";
import { borrowedTimes } from "./borrowed.ts";
import { checkLayout, LEAST_HEADS_PER_GPU } from "./checks.ts";
import { engineOf } from "./engine.ts";
import { expertGraph, latentGraph } from "./expert-graph.ts";
import { denseGraph, type EngineGraph, type GraphInput } from "./graph.ts";
import { activationBytes, DEFAULT_BATCHED_TOKENS, type MemoryInput, memoryOf, wholeKvBytesPerToken } from "./memory.ts";
import { type AnalyticParameters, analyticParameters, latentParameters } from "./parameters.ts";
import { resolveFormats } from "./quantization.ts";
import { sanitisedTables } from "./sanitise.ts";
import { type RankedTimes, timingOf } from "./timing.ts";

/** Where an engine's data come from: the shipped ones, or a test's. */
export interface EngineData {
  /** @throws UserError for an unknown model */
  model(id: string): ModelFacts;
  /** @throws UserError for an unknown GPU */
  system(name: string): GpuSystem;
  /** Op tables, where there are some. */
  tables(system: string, backend: Backend): OpTables | undefined;
  /** GPUs whose analytic parameters are known for a backend, the nearest first. */
  nearest(system: GpuSystem, candidates: readonly string[]): string;
}

const BACKENDS: readonly Backend[] = ["trtllm", "sglang", "vllm"];

/**
 * The built-in estimator of one engine, from the given data.
 * @throws UserError where the model or GPU is unknown, the layout can't be built, or the model doesn't fit
 */
export function openEngine(spec: EngineSpec, data: EngineData): NativeEngine {
  const model = data.model(spec.model);
  const system = data.system(spec.system);
  const layout = engineLayout(spec.parallelism);
  const sanitise = spec.sanitise ?? true;
  const tables = spec.method === "analytic" ? undefined : data.tables(system.name, spec.backend);
  const formats = resolveFormats(model, spec.backend, spec.quantization ?? {}, tables);
  checkLayout(model, spec.parallelism, layout, formats, spec.leastHeadsPerGpu ?? LEAST_HEADS_PER_GPU);

  const measured = tables?.backendVersion ?? spec.backendVersion ?? "unmeasured";
  const memoryInput: MemoryInput = {
    model,
    system,
    backend: spec.backend,
    backendVersion: spec.backendVersion ?? measured,
    layout,
    formats,
    maxBatchedTokens: spec.maxBatchedTokens ?? DEFAULT_BATCHED_TOKENS,
    ...(spec.memoryFraction === undefined ? {} : { memoryFraction: spec.memoryFraction }),
  };
  const { fraction, ...memory } = memoryOf(memoryInput);
  const kvTokensPerRank = tokensThatFit(model, memory);
  if (kvTokensPerRank === 0 && !spec.allowOversize) throw oversized(spec, { ...memory, fraction });

  const input: GraphInput = {
    model,
    system,
    backend: spec.backend,
    layout,
    formats,
    timing: timingOf(rungsOf(spec, system, tables, formats.gemm, sanitise, data), sanitise),
  };
  const facts: EngineFacts = {
    layout,
    backendVersion: measured,
    quantization: formats,
    memoryFraction: fraction,
    maxKvTokens: kvTokensPerRank * layout.attentionDp,
    kvBytesPerToken: wholeKvBytesPerToken(model, formats.kvcache),
    source: tables?.source ?? `analytic kernels with the data sheet of ${system.name}`,
  };
  return engineOf({
    spec,
    model,
    facts,
    memory,
    kvTokensPerRank,
    graph: graphOf(input),
    activationBytes: (tokens) => activationBytes(memoryInput, tokens),
  });
}

function graphOf(input: GraphInput): EngineGraph {
  const { moe, mla, family } = input.model;
  if (family === "other") {
    throw unsupportedEngine(
      input.model.id,
      "it has layers of kinds that are not modelled (state space, sparse or linear attention)",
    );
  }
  if (!moe) return denseGraph(input);
  return mla ? latentGraph(input, moe) : expertGraph(input, moe);
}

/** Own tables, what is akin to them, analytic kernels. */
function rungsOf(
  spec: EngineSpec,
  system: GpuSystem,
  tables: OpTables | undefined,
  gemmFormat: string,
  sanitise: boolean,
  data: EngineData,
): RankedTimes[] {
  const parameters = parametersOf(spec.backend, system, sanitise, data);
  const analytic = analyticTimes(system, parameters, latentParameters(system.smVersion, spec.backend));
  const last: RankedTimes = { rank: 2, times: analytic };
  if (!tables) return [last];
  const others = () =>
    BACKENDS.filter((backend) => backend !== spec.backend).flatMap(
      (backend) => data.tables(system.name, backend) ?? [],
    );
  return [
    sanitise ? sanitisedTables(tables, gemmFormat, others) : { rank: 0, times: tables },
    { rank: 1, times: borrowedTimes(others, akinExperts(tables, analytic)) },
    last,
  ];
}

function parametersOf(backend: Backend, system: GpuSystem, sanitise: boolean, data: EngineData): AnalyticParameters {
  return analyticParameters(backend, system, (candidates) => data.nearest(system, candidates), sanitise);
}

/** Tokens of KV cache in the budget; layers with a window never hold more than that of one sequence. */
function tokensThatFit(model: ModelFacts, memory: MemoryBreakdown): number {
  if (memory.kvBudgetBytes <= 0) return 0;
  const { slidingWindow } = model;
  const all = Math.floor(memory.kvBudgetBytes / memory.kvBytesPerToken);
  if (!slidingWindow || all <= slidingWindow.tokens) return all;
  const layerBytes = memory.kvBytesPerToken / model.layers;
  const windows = slidingWindow.tokens * slidingWindow.layers * layerBytes;
  return Math.floor((memory.kvBudgetBytes - windows) / ((model.layers - slidingWindow.layers) * layerBytes));
}

function oversized(spec: EngineSpec, { fraction, ...memory }: MemoryBreakdown & { fraction: number }): UserError {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const taken = memory.weightsBytes + memory.activationBytes + memory.runtimeBytes + memory.communicationBytes;
  const allowed = spec.backend === "trtllm" ? memory.capacityBytes : memory.capacityBytes * fraction;
  return doesNotFit(
    `${spec.model} on ${spec.system} with ${spec.backend} ${spec.parallelism}`,
    `weights of ${gib(memory.weightsBytes)}, ${gib(taken)} with activations and runtime, fill the ${gib(allowed)} that it may use of a GPU's ${gib(memory.capacityBytes)}`,
  );
}
