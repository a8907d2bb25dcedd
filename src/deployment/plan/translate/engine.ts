import { MOST_SEQUENCES, type WorkerEngine, workerEngine } from "../../engines/worker-engine.ts";
import { modelPath, workerOf } from "./mocker.ts";
import type { Source, Translation } from "./translation.ts";

const MEMORY_FLAGS = {
  vllm: "--gpu-memory-utilization",
  sglang: "--mem-fraction-static",
  trtllm: "--free-gpu-memory-fraction",
} as const;

/** A worker of a real engine as `understudy mocker`, with times and KV cache that the estimator has for it. @throws UserError */
export function translateEngine(source: Source): Translation {
  const { scope, program } = source;
  const engine = workerEngine([program.name, ...program.args], scope.component.containerPath());
  const { backend, servedModel, maxModelLen, maxNumBatchedTokens, memoryFraction } = engine;
  scope.note(
    `${program.name} is played by a mocker, with estimated times of ${engine.parallelism} on ${scope.playEngines}`,
  );
  const given = (flag: string, value: number | null) => (value === null ? [] : [flag, String(value)]);
  const argv = [
    ...["mocker", "--model-path", modelPath(engine.model, servedModel, source), "--model-name", servedModel],
    ...["--aic-perf-model", "--aic-system", scope.playEngines!, "--aic-backend", backend, ...layoutFlags(engine)],
    ...["--block-size", String(engine.blockTokens), "--max-num-seqs", String(engine.maxNumSeqs ?? MOST_SEQUENCES)],
    ...given("--max-num-batched-tokens", maxNumBatchedTokens),
    ...given("--max-model-len", maxModelLen),
    ...given(MEMORY_FLAGS[backend], memoryFraction),
    ...(engine.prefixCaching ? [] : ["--no-enable-prefix-caching"]),
    ...["--disaggregation-mode", modeOf(engine, source), "--engine-log"],
  ];
  return { ...workerOf(argv), argv };
}

function layoutFlags({ layout, parallelism }: WorkerEngine): string[] {
  const gpus = String(layout.gpus);
  if (parallelism.startsWith("dep")) {
    return ["--aic-attention-dp-size", gpus, "--aic-moe-ep-size", gpus, "--data-parallel-size", gpus];
  }
  return ["--aic-tp-size", gpus, ...(parallelism.startsWith("tep") ? ["--aic-moe-ep-size", gpus] : [])];
}

/** Workers of older deployments don't say that they decode alone: that there are prefill workers does. */
function modeOf({ mode }: WorkerEngine, { scope: { graph, component } }: Source): "agg" | "prefill" | "decode" {
  if (mode !== null) return mode;
  if (component.role() === "prefill") return "prefill";
  const others = graph.workers().filter(({ name }) => name !== component.name);
  return others.some((other) => graph.workerRole(other) === "prefill") ? "decode" : "agg";
}
