import { ACCURACY_CAVEAT } from "#src/estimator";
import type { ProfilingResult } from "#src/profiler";

/** What the numbers of a run assume, and what they are worth; said with every result. */
export function caveats({ request, sweep, pick, backend }: ProfilingResult): string[] {
  if (pick?.by === "naive") {
    const gpu = request.hardware.gpuSku ?? "this GPU";
    return [
      `Nothing estimates ${request.model} on ${gpu} with ${backend}: the engines are laid out by memory alone, and the targets are unverified.`,
    ];
  }
  if (sweep.prefill.length + sweep.decode.length === 0) return [];
  const notes = [
    "ISL and OSL are taken as fixed and prompts as sharing nothing (no KV reuse): with lengths that vary much, or high reuse, the " +
      "real deployment deviates.",
    "ITL is that of decoding alone: where engines compute prompts between decode steps (piggy-backed prefill), it is higher.",
  ];
  if (request.strategy === "rapid") {
    notes.push(ACCURACY_CAVEAT);
    const analytic = [...sweep.prefill, ...sweep.decode].filter(({ origin }) => origin !== "table").length;
    if (analytic > 0) {
      notes.push(
        `${analytic} of ${sweep.prefill.length + sweep.decode.length} numbers rest in part on analytic or scaled kernels, for want of measured ones.`,
      );
    }
  }
  return notes;
}
