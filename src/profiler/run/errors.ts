import { UserError } from "#common";
import type { SkippedCandidate } from "../types.ts";

/** The catalogue of what can end a profiling run. */

/** What to do about targets that nothing keeps, or engines that nothing fits. */
export const SLA_REMEDIES =
  "relax the SLA, allow more GPUs an engine, try another backend or GPU, or take a smaller or quantized model";

export const nothingToPick = (phases: readonly string[], skipped: readonly SkippedCandidate[]): UserError =>
  new UserError({
    code: "PROFILER_NOTHING_TO_PICK",
    exitCode: 1,
    message: `no candidate gave a ${phases.join(" or a ")} result${reasons(skipped)}`,
    hint: remediesFor(skipped),
  });

export const noDgd = (skipped: readonly SkippedCandidate[]): UserError =>
  new UserError({
    code: "PROFILER_NO_DGD",
    exitCode: 1,
    message: `Profiler did not produce a DGD config.${skipped.length === 0 ? " No mapping of this model fits the hardware" : reasons(skipped)}`,
    hint: remediesFor(skipped),
  });

export const tooManyGpus = (engines: string, needed: number, there: number): UserError =>
  new UserError({
    code: "PROFILER_TOO_MANY_GPUS",
    exitCode: 1,
    where: "hardware.totalGpus",
    message: `one engine of each kind (${engines}) takes ${needed} GPUs, and there are ${there}`,
    hint: "allow smaller engines (--max-num-gpus-per-engine), plan for more GPUs, or take a smaller or quantized model",
  });

export const tooManyGpusWithOverrides = (asked: number, there: number): UserError =>
  new UserError({
    code: "PROFILER_TOO_MANY_GPUS",
    where: "overrides.dgd",
    message: `with what the base and the overrides add, the deployment asks for ${asked} GPUs, and there are ${there}`,
    hint: "lower the replicas or GPUs there, or plan for more GPUs (hardware.totalGpus, --total-gpus)",
  });

export const interrupted = (): UserError =>
  new UserError({
    code: "PROFILER_INTERRUPTED",
    exitCode: 1,
    message: "interrupted",
    hint: "run the same command with --skip-existing to go on from the results so far",
  });

export const needsGpu = (): UserError =>
  new UserError({
    code: "PROFILER_NEEDS_GPU",
    where: "--gpu",
    message: "a rapid run has no GPU to estimate for",
    hint: "name one, such as --gpu h200_sxm (--aic-system, or hardware.gpuSku in a request)",
  });

export const needsPython = (): UserError =>
  new UserError({
    code: "PROFILER_NEEDS_PYTHON",
    where: "--estimator aiconfigurator",
    message: "it needs a Python that has the aiconfigurator package",
    hint: "name it with --python, or set AICONFIGURATOR_PYTHON",
  });

export const choiceOutOfRange = (phase: string, row: number, rows: number): UserError =>
  new UserError({
    code: "PROFILER_CHOICE",
    exitCode: 1,
    message: `found the ${phase} row ${row} chosen, expected one of 0 to ${rows - 1}`,
  });

function reasons(skipped: readonly SkippedCandidate[]): string {
  if (skipped.length === 0) return "";
  const distinct = [
    ...new Set(skipped.map(({ label, reason }) => (reason.startsWith(label) ? reason : `${label}: ${reason}`))),
  ];
  const shown = distinct.slice(0, 4).join("; ");
  return `: ${shown}${distinct.length > 4 ? `; and ${distinct.length - 4} more` : ""}`;
}

/** What the reasons themselves suggest where all of them do, else what helps in general. */
function remediesFor(skipped: readonly SkippedCandidate[]): string {
  const own = [...new Set(skipped.map(({ remedy }) => remedy))];
  const isKnown = own.length > 0 && own.length <= 2 && own.every((remedy) => remedy !== undefined);
  return isKnown ? own.join("; ") : SLA_REMEDIES;
}
