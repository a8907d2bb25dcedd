import type { FieldName } from "./layers.ts";
import type { PlannerDocument } from "./schema.ts";
import type { StrategyName } from "./types.ts";

/** Who decides where nothing names a strategy, and why: a sentence for the start. */
export function impliedStrategy(
  { optimization_target: target, mode }: PlannerDocument,
  legacyFlags: readonly string[],
): { strategy: StrategyName; note: string } {
  if (legacyFlags.length > 0) {
    return {
      strategy: "sla-compat",
      note: `${legacyFlags.join(", ")} without --config: the planner of 2025 is meant, strategy sla-compat (--strategy default is the better one)`,
    };
  }
  if (target !== "sla") {
    return {
      strategy: "load-compat",
      note: `optimization_target ${target}: strategy load-compat, which scales by load`,
    };
  }
  if (mode === "prefill" || mode === "decode") {
    return { strategy: "load-compat", note: `optimization_target sla, mode ${mode}: strategy load-compat` };
  }
  return {
    strategy: "default",
    note: "optimization_target sla: strategy default (strategy: load-compat decides as Dynamo does)",
  };
}

/** What the planner of 2025 starts with where today's starts with something else. */
export const LEGACY_PRESETS: Partial<PlannerDocument> = {
  namespace: "vllm-disagg-planner",
  prefill_engine_num_gpu: 1,
  decode_engine_num_gpu: 1,
};

/** Intervals at which a strategy decides, by their keys. */
export function intervalsInUse(document: PlannerDocument, strategy: StrategyName): FieldName[] {
  if (strategy === "sla-compat") return ["throughput_adjustment_interval_seconds"];
  if (strategy !== "load-compat") return ["load_adjustment_interval_seconds"];
  const { enable_load_scaling: load, enable_throughput_scaling: throughput, optimization_target: target } = document;
  return [
    ...(load ? (["load_adjustment_interval_seconds"] as const) : []),
    ...(throughput && target === "sla" ? (["throughput_adjustment_interval_seconds"] as const) : []),
  ];
}
