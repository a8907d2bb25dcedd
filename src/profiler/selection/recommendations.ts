import type { DecodeResult, Dialect, PrefillResult } from "../types.ts";
import type { Bounds, PlannerBounds } from "./bounds.ts";

/** The lines that end a run: what is suggested, in the words of the dialect. */
export function recommendationLines(
  chosen: { prefill?: PrefillResult; decode?: DecodeResult },
  bounds: PlannerBounds,
  dialect: Dialect,
): string[] {
  const lines = ["Analyzing results and generate recommendations..."];
  const { prefill, decode } = chosen;
  if (prefill !== undefined) {
    const figures = `(TTFT ${prefill.ttftMs.toFixed(2)} ms, throughput ${prefill.throughputPerGpu.toFixed(2)} tokens/s/GPU)`;
    lines.push(`Suggested ${engineWords("prefill", prefill, dialect)} ${figures}`);
  }
  if (bounds.prefillQueue !== undefined) {
    lines.push(`Suggested planner upper/lower bound for prefill queue size: ${pair(bounds.prefillQueue)}`);
  }
  if (decode !== undefined) {
    const figures = `(ITL ${decode.itlMs.toFixed(2)} ms, throughput ${decode.throughputPerGpu.toFixed(2)} tokens/s/GPU)`;
    lines.push(`Suggested ${engineWords("decode", decode, dialect)} ${figures}`);
  }
  if (bounds.decodeKvUtilisation !== undefined) {
    lines.push(
      `Suggested planner upper/lower bound for decode kv cache utilization: ${pair(bounds.decodeKvUtilisation)}`,
    );
  }
  return lines;
}

/** Said with the bounds: who they are for. */
export const BOUNDS_LABEL = "The planner's bounds are for load-based planning.";

function engineWords(phase: "prefill" | "decode", { mapping }: PrefillResult | DecodeResult, dialect: Dialect): string {
  const { gpus } = mapping.layout;
  if (dialect === "0.3") return `${phase} TP:${gpus}`;
  if (dialect === "0.6") return `number of GPUs for ${phase}: ${gpus}`;
  return `${phase} parallel mapping: ${mapping.label} on ${gpus} GPU(s)`;
}

function pair({ upper, lower }: Bounds): string {
  return `${upper.toFixed(2)}/${lower.toFixed(2)}`;
}
