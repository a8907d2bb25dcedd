import type { RoleSteps } from "./allocation.ts";
import type { LoadCurve, RoleLoads } from "./load.ts";
import { isBetter, type Trial, type Trials } from "./trials.ts";

/** How far a role is staffed above its mean load, in standard deviations of the load. */
export interface Safety {
  prefill: number;
  decode: number;
}

const START: Safety = { prefill: 1.5, decode: 1.5 };
const FIRST_MOVE = 0.8;
const SMALLEST_MOVE = 0.05;
const LEAST = -3;
const MOST = 12;

/**
 * Ready workers by step: load + safety × √variance (square-root staffing), rounded up, the largest of the step's seconds; one at
 * least.
 */
export function staffing(
  loads: RoleLoads,
  safety: Safety,
  steps: number,
  stepMs: number,
  isAggregated: boolean,
): RoleSteps {
  return {
    prefill: isAggregated ? new Int32Array(steps) : staffed(loads.prefill, safety.prefill, steps, stepMs),
    decode: staffed(loads.decode, safety.decode, steps, stepMs),
  };
}

function staffed({ mean, variance }: LoadCurve, safety: number, steps: number, stepMs: number): Int32Array {
  const need = new Int32Array(steps).fill(1);
  for (let second = 0; second < mean.length; second++) {
    const step = Math.floor((second * 1000) / stepMs);
    if (step >= steps) break;
    const workers = Math.ceil(mean[second]! + safety * Math.sqrt(variance[second]!) - 1e-9);
    if (workers > need[step]!) need[step] = workers;
  }
  return need;
}

/**
 * The best of the staffing family for these loads, by pattern search over the two safeties: both moved, then each, with a move
 * that halves where none helps.
 * @param runs the trials may have made in all before the search ends
 */
export function bestStaffing(
  trials: Trials,
  loads: RoleLoads,
  { floor, runs, start = START }: { floor: number; runs: number; start?: Safety },
): { safety: Safety; trial: Trial } {
  const isAggregated = trials.spec.prefill === null;
  const tried = (safety: Safety) => trials.try(staffing(loads, safety, trials.steps, trials.stepMs, isAggregated));
  let best = { safety: start, trial: tried(start) };
  const directions: Safety[] = isAggregated
    ? [
        { prefill: 0, decode: 1 },
        { prefill: 0, decode: -1 },
      ]
    : [
        { prefill: 1, decode: 1 },
        { prefill: -1, decode: -1 },
        { prefill: -1, decode: 0 },
        { prefill: 0, decode: -1 },
        { prefill: 1, decode: 0 },
        { prefill: 0, decode: 1 },
        { prefill: 1, decode: -1 },
        { prefill: -1, decode: 1 },
      ];
  for (let move = FIRST_MOVE; move >= SMALLEST_MOVE; ) {
    let helped = false;
    for (const direction of directions) {
      if (trials.runs >= runs) return best;
      const safety = {
        prefill: within(best.safety.prefill + move * direction.prefill),
        decode: within(best.safety.decode + move * direction.decode),
      };
      const trial = tried(safety);
      if (!isBetter(trial, best.trial, floor)) continue;
      best = { safety, trial };
      helped = true;
      break;
    }
    if (!helped) move /= 2;
  }
  return best;
}

function within(safety: number): number {
  return Math.min(MOST, Math.max(LEAST, safety));
}
