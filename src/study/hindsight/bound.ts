import type { RunRecord } from "#src/record";
import type { SimulationSpec } from "#src/simulator";
import { fullPassS } from "./full-pass.ts";
import { actualLoads, smoothed } from "./load.ts";
import type { RequestWork } from "./request-work.ts";

export interface BoundOptions {
  spec: SimulationSpec;
  /** A run of this traffic with all the GPUs there are: its arrivals and cached tokens. */
  record: Pick<RunRecord, "requests" | "feasible">;
  work: RequestWork;
  /** Attainment asked for, 0..1. */
  floor: number;
  /** Length that every run has at least, s. */
  seconds: number;
}

/** One role's part of the problem, in steps. */
export interface RoleProblem {
  /** Workers' worth of work, by step. */
  load: Float64Array;
  /** Length of all steps, of which the last may be cut off. */
  seconds: number;
  /** Work of the most expensive request, worker-seconds. */
  largestS: number;
  stepS: number;
  startupS: number;
  gpusPerWorker: number;
}

const STEP_S = 5;
/** Work can be put off by seconds, not more: load is averaged over so long, s. */
const WINDOW_S = 15;
/** Numbers of misses between none and all that the floor allows which are tried. */
const SHARES = 5;

/**
 * Goodput per GPU that no plan surpasses which attains the floor: whole workers without queues. Prompts cost what they cost in
 * the fullest pass, outputs what they cost in the largest batch that keeps the ITL; work beyond the ready workers of a step is
 * missed, as few requests as can make it up; a worker that is started costs its start-up. Lagrange's dual over the price of a
 * miss: for each price the best plan of every single worker (the first, the second, …) is found exactly by dynamic programming,
 * which together are the best plan, since each further worker spares fewer misses than the one before. It bounds up to what can
 * be moved out of the 15 s over which load is averaged, and for prompts that no other plan finds more of in caches than `record` did.
 * Infeasible requests ask for nothing, for nobody has to serve them in time; those that a cached prompt brings within the TTFT are good
 * all the same, as they are for attainment.
 */
export function goodputBound({ spec, record, work, floor, seconds }: BoundOptions): number {
  const { requests, feasible } = record;
  const isAggregated = spec.prefill === null;
  const ofFeasible = (share: Float64Array) => share.map((value, i) => (feasible[i] === 1 ? value : 0));
  const least: RequestWork = {
    prefill: { ...work.prefill, durationS: fullPassS(spec, requests), share: ofFeasible(work.prefill.share) },
    decode: { ...work.decode, share: ofFeasible(work.decode.share) },
  };
  const loads = actualLoads({ arrivalMs: requests.arrivalMs, work: least, seconds: Math.ceil(seconds), isAggregated });
  const workS = (role: "prefill" | "decode", i: number) => least[role].durationS[i]! * least[role].share[i]!;
  const problems = (isAggregated ? (["decode"] as const) : (["prefill", "decode"] as const)).map(
    (role): RoleProblem => {
      const load = smoothed(loads[role].mean, WINDOW_S);
      let largestS = 0;
      for (let i = 0; i < requests.count; i++) {
        const cost = isAggregated ? workS("prefill", i) + workS("decode", i) : workS(role, i);
        if (cost > largestS) largestS = cost;
      }
      const { gpusPerWorker, startupMs } = spec[role]!;
      return {
        load: bySteps(load, seconds),
        seconds,
        largestS,
        stepS: STEP_S,
        startupS: startupMs / 1000,
        gpusPerWorker,
      };
    },
  );
  let judged = 0;
  for (let i = 0; i < requests.count; i++) {
    if (feasible[i] === 1 || work.decode.startS[i]! * 1000 <= spec.sla.ttftMs) judged++;
  }
  let best = 0;
  for (let share = 0; share <= SHARES; share++) {
    const misses = Math.floor(((1 - floor) * judged * share) / SHARES + 1e-9);
    const gpuSeconds = problems.reduce((sum, problem) => sum + leastGpuSeconds(problem, misses), 0);
    if (gpuSeconds > 0) best = Math.max(best, (judged - misses) / gpuSeconds);
  }
  return best;
}

/** The fewest GPU-seconds of one role with at most `misses` requests missed. */
export function leastGpuSeconds(problem: RoleProblem, misses: number): number {
  const dual = (price: number) => priced(problem, price) - price * misses;
  // Concave in the price: golden sections of its logarithm.
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(1e-3);
  let high = Math.log(1e5);
  let [left, right] = [high - ratio * (high - low), low + ratio * (high - low)];
  let [atLeft, atRight] = [dual(Math.exp(left)), dual(Math.exp(right))];
  for (let i = 0; i < 40; i++) {
    if (atLeft < atRight) {
      low = left;
      [left, atLeft] = [right, atRight];
      right = low + ratio * (high - low);
      atRight = dual(Math.exp(right));
    } else {
      high = right;
      [right, atRight] = [left, atLeft];
      left = high - ratio * (high - low);
      atLeft = dual(Math.exp(left));
    }
  }
  return Math.max(atLeft, atRight, priced(problem, 0));
}

/** The least of GPU-seconds + price × misses over all plans; the first worker is always there. */
function priced({ load, seconds, largestS, stepS, startupS, gpusPerWorker }: RoleProblem, price: number): number {
  const most = Math.ceil(load.reduce((max, value) => Math.max(max, value), 1));
  let total = seconds * gpusPerWorker;
  for (let worker = 1; worker < most; worker++) {
    // Who begins with it has it ready.
    let on = 0;
    let off = 0;
    for (let step = 0; step < load.length; step++) {
      const lengthS = Math.min(stepS, seconds - step * stepS);
      // What is missed for want of this worker: the work between `worker` and `worker` + 1.
      const missedS = Math.min(1, Math.max(0, load[step]! - worker)) * lengthS;
      const missed = largestS > 0 ? missedS / largestS : 0;
      const nowOn = Math.min(on, off + startupS * gpusPerWorker) + lengthS * gpusPerWorker;
      const nowOff = Math.min(on, off) + price * missed;
      [on, off] = [nowOn, nowOff];
    }
    total += Math.min(on, off);
  }
  return total;
}

/** Means over steps; what comes after the last one is left out. */
function bySteps(load: Float64Array, seconds: number): Float64Array {
  const steps = new Float64Array(Math.max(1, Math.ceil(seconds / STEP_S - 1e-9)));
  for (let i = 0; i < load.length; i++) {
    const step = Math.floor(i / STEP_S);
    if (step >= steps.length) break;
    // Of the last second a part may be in the run.
    const partS = Math.max(0, Math.min(1, seconds - i));
    steps[step]! += (load[i]! * partS) / Math.min(STEP_S, seconds - step * STEP_S);
  }
  return steps;
}
