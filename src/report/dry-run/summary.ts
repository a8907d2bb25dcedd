import type { DryRunStep } from "#planner/core";
import type { DryRunInput, DryRunSummary } from "./input.ts";

/** Tokens per interval that a role's workers do within the SLA: a dry run counts one GPU a worker, as the reference does. */
export function capacityTokens(
  step: DryRunStep,
  role: "prefill" | "decode",
  input: Pick<DryRunInput, "gpusPerWorker">,
): number {
  const perGpu = role === "prefill" ? step.safePrefillTokens : step.safeDecodeTokens;
  return perGpu * input.gpusPerWorker[role];
}

export function loadTokens(step: DryRunStep, role: "prefill" | "decode"): number {
  return role === "prefill" ? step.prefillTokens : step.decodeTokens;
}

/** Roles whose workers could not do the interval's load within the SLA. */
export function shortRoles(step: DryRunStep, input: Pick<DryRunInput, "gpusPerWorker">): ("prefill" | "decode")[] {
  return (["prefill", "decode"] as const).filter((role) => loadTokens(step, role) > capacityTokens(step, role, input));
}

export function summarizeDryRun(input: DryRunInput): DryRunSummary {
  const { steps, intervalS, gpusPerWorker } = input;
  const short = { prefill: 0, decode: 0 };
  const changes = { prefill: 0, decode: 0 };
  let gpuIntervals = 0;
  let errors = 0;
  let judged = 0;
  let worst = 0;
  let worstInterval = -1;
  steps.forEach((step, i) => {
    gpuIntervals += step.prefill * gpusPerWorker.prefill + step.decode * gpusPerWorker.decode;
    for (const role of shortRoles(step, input)) short[role]++;
    for (const role of ["prefill", "decode"] as const) {
      if (i > 0 && step[role] !== steps[i - 1]![role]) changes[role]++;
    }
    if (i === 0 || step.requests === 0) return;
    judged++;
    const miss = Math.abs(step.forecastRequests - step.requests);
    errors += miss / step.requests;
    if (miss > worst) {
      worst = miss;
      worstInterval = i;
    }
  });
  return {
    intervals: steps.length,
    short,
    changes,
    gpuHours: (gpuIntervals * intervalS) / 3600,
    averageGpus: gpuIntervals / steps.length,
    requestsError: errors / judged,
    worstInterval,
  };
}
