import type { FieldName } from "./layers.ts";
import type { PlannerDocument } from "./schema.ts";
import type { StrategyName } from "./types.ts";

/** What is known of how a configuration came about. */
export interface Provenance {
  /** Whether somebody said a field. */
  given(field: FieldName): boolean;
  /** Whether there is a document, beside flags and variables. */
  hasDocument: boolean;
  /** Flags that tell a command line of the planner of 2025. */
  legacyFlags: readonly string[];
}

/** Whether this is a command line of the planner of 2025. */
export function isLegacy({ given, hasDocument, legacyFlags }: Provenance): boolean {
  return !hasDocument && legacyFlags.length > 0 && !given("optimization_target");
}

/** Who decides where nothing names a strategy, and why: a sentence for the start. */
export function impliedStrategy(
  { optimization_target: target, mode, pre_deployment_sweeping_mode: sweeping }: PlannerDocument,
  provenance: Provenance,
): { strategy: StrategyName; note: string } {
  if (isLegacy(provenance)) {
    return {
      strategy: "sla-compat",
      note: `${provenance.legacyFlags.join(", ")} without --config: strategy sla-compat, the planner of 2025 (--strategy default is the better one)`,
    };
  }
  const bare = !provenance.hasDocument && !provenance.given("optimization_target") && sweeping !== "none";
  if (bare && (mode === "disagg" || mode === "agg")) return { strategy: "default", note: "strategy default" };
  if (target !== "sla") {
    return {
      strategy: "load-compat",
      note: `optimization_target ${target}: strategy load-compat, which scales by load`,
    };
  }
  if (sweeping === "none") {
    return {
      strategy: "load-compat",
      note: "optimization_target sla, pre_deployment_sweeping_mode none: strategy load-compat, which needs no profile",
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
  const { enable_throughput_scaling: throughput, optimization_target: target } = document;
  return [
    // As with Dynamo, whether it scales by load or not: it learns from a pass of each engine at every tick.
    "load_adjustment_interval_seconds",
    ...(throughput && target === "sla" ? (["throughput_adjustment_interval_seconds"] as const) : []),
  ];
}
