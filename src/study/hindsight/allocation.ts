import type { Targets } from "#planner/core";

/** Numbers per step of a grid that begins at time 0, by role; in aggregated mode `prefill` is all 0. */
export interface RoleSteps {
  prefill: Int32Array;
  decode: Int32Array;
}

/**
 * Workers to hold (starting ones included) so that `need` are ready in each step: at step i the largest need over the steps
 * i … i + lead. A worker is started no earlier than it must be, and is kept through a gap that is no longer than its start-up,
 * since to hold it costs no more than to start it anew.
 * @param need ready workers by step
 * @param lead start-up time in steps, rounded up
 */
export function allocation(need: ArrayLike<number>, lead: number): Int32Array {
  const held = new Int32Array(need.length);
  // Steps whose need is still the largest of the window behind them, largest first.
  const largest: number[] = [];
  let first = 0;
  for (let step = need.length - 1; step >= 0; step--) {
    while (largest.length > first && need[largest[largest.length - 1]!]! <= need[step]!) largest.pop();
    largest.push(step);
    while (largest[first]! > step + lead) first++;
    held[step] = need[largest[first]!]!;
  }
  return held;
}

/** Start-up in whole steps: who is to be ready at a step begins this many before it. */
export function leadSteps(startupMs: number, stepMs: number): number {
  return Math.max(0, Math.ceil(startupMs / stepMs - 1e-9));
}

export interface GpuLimit {
  gpusPerWorker: Targets;
  maxGpus: number;
}

/**
 * Takes workers away where a step holds more GPUs than there are: each time from the role that then has most for its load, never the
 * last one.
 * @param held is changed
 * @param load workers' worth of work by step and role
 */
export function limitGpus(
  held: RoleSteps,
  load: Record<"prefill" | "decode", ArrayLike<number>>,
  { gpusPerWorker, maxGpus }: GpuLimit,
): void {
  for (let step = 0; step < held.decode.length; step++) {
    const gpus = () => held.prefill[step]! * gpusPerWorker.prefill + held.decode[step]! * gpusPerWorker.decode;
    while (gpus() > maxGpus) {
      const plenty = (role: "prefill" | "decode") =>
        held[role][step]! > 1 ? (held[role][step]! - 1) / Math.max(load[role][step]!, 0.1) : 0;
      const role = plenty("prefill") > plenty("decode") ? "prefill" : "decode";
      if (held[role][step]! <= 1) break;
      held[role][step]!--;
    }
  }
}
