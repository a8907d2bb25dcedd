import type { ReportedRun } from "#src/record";
import type { Rehearsal, RehearsalSteps } from "#src/rehearsal";
import type { GiveUp } from "#src/study";

/** Plays a deployment that stays as it is until its end, or until it can't be what is looked for; why, then. */
export function playUntil(
  rehearsal: Rehearsal,
  steps: RehearsalSteps<ReportedRun>,
  { floor, goodputPerGpu, gpus }: GiveUp,
): { record: ReportedRun } | { gaveUp: string } {
  const total = rehearsal.workload.count;
  const seconds = (rehearsal.simulation.minEndMs ?? 0) / 1000;
  while (steps.advance()) {
    const { missed } = steps;
    // Requests that the SLA is not judged on only make the share of those that missed it larger.
    if (1 - missed / total < floor) return { gaveUp: `given up: attainment can't reach ${floor}` };
    if (goodputPerGpu !== null && seconds > 0 && (total - missed) / (gpus * seconds) <= goodputPerGpu) {
      return { gaveUp: "given up: can't be better than the best" };
    }
  }
  return { record: steps.result() };
}
