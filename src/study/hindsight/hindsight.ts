import { randomStream } from "#common";
import { type Planner, planStrategy, type Targets, type WorkerPlan } from "#planner/core";
import type { ReportedRun, RunRecord } from "#src/record";
import { type SimulationSpec, simulate } from "#src/simulator";
import type { RoleSteps } from "./allocation.ts";
import { goodputBound } from "./bound.ts";
import { bestStaffing } from "./family.ts";
import { actualLoads, expectedLoads, type LoadCurve, type RoleLoads, smoothed } from "./load.ts";
import { refined } from "./refine.ts";
import { requestWork } from "./request-work.ts";
import { isBetter, type Trial, Trials } from "./trials.ts";

export interface HindsightOptions {
  /** The deployment with the workers that it begins with, and its traffic; a planner in it is not asked. */
  spec: SimulationSpec;
  /** GPUs that a plan may hold at once. */
  maxGpus: number;
  /** Time between changes of the plan, ms. */
  stepMs?: number;
  /** Attainment that a plan must reach (of what can be reached from this deployment), 0..1. */
  floor?: number;
  /** Simulator runs that the searches may make: for clair, and for the oracle after it. */
  runs?: { clair: number; oracle: number };
  /** Deployments that the oracle may begin with and stay with, such as the best static ones. */
  constants?: readonly Targets[];
  /** Plays a trial, with the rows of its requests where they belong; default: in memory. */
  simulate?: (spec: SimulationSpec) => ReportedRun;
  /** Called after each run. */
  onProgress?: (searching: "clair" | "oracle", runs: number, of: number) => void;
}

/** A plan made in hindsight, and what came of it in the simulator. */
export interface HindsightPlan {
  plan: WorkerPlan;
  attainment: number;
  /** Good requests per second and GPU. */
  goodputPerGpu: number;
  gpuHours: number;
}

export interface Hindsight {
  /** Knows the rate smoothed over ±17 s, what requests look like and the engines; no single arrival. */
  clair: HindsightPlan;
  /** Knows every arrival; never worse than clair, nor than `constants`. */
  oracle: HindsightPlan | null;
  /** Attainment that the plans had to reach. */
  floor: number;
  /** Goodput per GPU that no plan surpasses (see `goodputBound`): the oracle's distance from it is its optimality gap at most. */
  bound: number;
  runs: number;
}

const STEP_MS = 5000;
const RUNS = { clair: 60, oracle: 160 };
/** Windows over which an oracle that plays the staffing family may smooth the load, s. */
const SMOOTHINGS_S = [5, 15, 31];

/**
 * Hindsight plans for a workload: what a planner could have reached that knew the future. Both are heuristic searches in the
 * simulator, so lower bounds of the optimum. A plan's need (ready workers by step) comes from a family of plans (square-root
 * staffing of the known load, safeties by pattern search), the oracle's then from local search; what is held follows from it by
 * the optimal rule for start-ups (`allocation`). Deterministic: same input, same plans.
 */
export function hindsightPlans(options: HindsightOptions): Hindsight {
  const { spec, maxGpus, stepMs = STEP_MS, floor = 0.99, runs = RUNS, constants = [], onProgress } = options;
  const { planner: _planner, ...rest } = spec;
  const own: SimulationSpec = { ...rest, capture: false };
  const isAggregated = spec.prefill === null;
  // With all the GPUs there are: when requests come that others bring about, and how long it takes until all are done.
  const record = simulate({ ...own, ...withWorkers(own, mostWorkers(own, maxGpus, 0.5)) });
  const lengthMs = Math.max(record.endMs, stepMs);
  const steps = Math.ceil(lengthMs / stepMs);
  let searching: "clair" | "oracle" = "clair";
  const allRuns = runs.clair + runs.oracle;
  const work = requestWork(spec, record.requests);
  const question = { arrivalMs: record.requests.arrivalMs, work, seconds: Math.ceil(lengthMs / 1000), isAggregated };
  const actual = actualLoads(question);
  const trials = new Trials({
    spec: own,
    simulate: options.simulate ?? ((trial) => simulate(trial)),
    maxGpus,
    stepMs,
    steps,
    loads: actual,
    onRun: (done) => onProgress?.(searching, done, allRuns),
  });
  const share = total(actual.prefill) / Math.max(1e-9, total(actual.prefill) + total(actual.decode));
  // What can be reached at all from the workers that the deployment begins with.
  const reachable = [0.5, share].map((part) => trials.try(constantly(mostWorkers(own, maxGpus, part), steps)));
  const ownFloor = floor * Math.max(...reachable.map(({ attainment }) => attainment));

  const expected = bestStaffing(trials, expectedLoads(question), { floor: ownFloor, runs: runs.clair });
  const clair = bestOf([expected.trial, ...reachable], ownFloor);
  let oracle: Trial | null = null;
  if (runs.oracle > 0) {
    searching = "oracle";
    oracle = bestOf([clair, ...constants.map((workers) => trials.try(constantly(workers, steps)))], ownFloor);
    for (const [i, widthS] of SMOOTHINGS_S.entries()) {
      const until = runs.clair + Math.floor((runs.oracle * (i + 1)) / (3 * SMOOTHINGS_S.length));
      const family = bestStaffing(trials, smoothedLoads(actual, widthS), {
        floor: ownFloor,
        runs: until,
        start: expected.safety,
      });
      oracle = bestOf([oracle, family.trial], ownFloor);
    }
    oracle = refined(trials, oracle, { floor: ownFloor, runs: allRuns, random: randomStream(1, "hindsight") });
  }
  return {
    clair: handed(clair, stepMs),
    oracle: oracle === null ? null : handed(oracle, stepMs),
    floor: ownFloor,
    bound: goodputBound({ spec, record, work, floor: ownFloor, seconds: leastLengthMs(own, record) / 1000 }),
    runs: trials.runs,
  };
}

/** Plays a hindsight plan. */
export function hindsightPlanner(name: "clair" | "oracle", { plan }: HindsightPlan): Planner {
  return planStrategy(name, plan);
}

function bestOf(found: readonly Trial[], floor: number): Trial {
  return found.reduce((best, trial) => (isBetter(trial, best, floor) ? trial : best));
}

function handed({ held, attainment, goodputPerGpu, gpuSeconds }: Trial, stepMs: number): HindsightPlan {
  return { plan: { stepMs, ...held }, attainment, goodputPerGpu, gpuHours: gpuSeconds / 3600 };
}

/** How long every run is at least: open traffic has to have come; loops and turns are as fast as with all the GPUs there are. */
function leastLengthMs({ workload, minEndMs = 0 }: SimulationSpec, record: RunRecord): number {
  const isOpen = workload.closedLoops.length === 0 && workload.openHeads.length === workload.count;
  if (!isOpen) return record.endMs;
  let last = minEndMs;
  for (const atMs of record.requests.arrivalMs) if (atMs > last) last = atMs;
  return last;
}

/** As many workers as there are GPUs for, divided so that prefill has `share` of them. */
function mostWorkers({ prefill: prompts, decode: outputs }: SimulationSpec, maxGpus: number, share: number): Targets {
  if (prompts === null) return { prefill: 0, decode: Math.max(1, Math.floor(maxGpus / outputs.gpusPerWorker)) };
  const mostPrefill = Math.floor((maxGpus - outputs.gpusPerWorker) / prompts.gpusPerWorker);
  const prefill = Math.max(1, Math.min(mostPrefill, Math.round((maxGpus * share) / prompts.gpusPerWorker)));
  const left = maxGpus - prefill * prompts.gpusPerWorker;
  return { prefill, decode: Math.max(1, Math.floor(left / outputs.gpusPerWorker)) };
}

function withWorkers(
  { prefill: prompts, decode: outputs }: SimulationSpec,
  { prefill, decode }: Targets,
): Pick<SimulationSpec, "prefill" | "decode"> {
  return {
    prefill: prompts === null ? null : { ...prompts, workers: prefill },
    decode: { ...outputs, workers: decode },
  };
}

function constantly({ prefill, decode }: Targets, steps: number): RoleSteps {
  return { prefill: new Int32Array(steps).fill(prefill), decode: new Int32Array(steps).fill(decode) };
}

function smoothedLoads(loads: RoleLoads, widthS: number): RoleLoads {
  const curve = ({ mean, variance }: LoadCurve) => ({
    mean: smoothed(mean, widthS),
    variance: smoothed(variance, widthS),
  });
  return { prefill: curve(loads.prefill), decode: curve(loads.decode) };
}

function total({ mean }: LoadCurve): number {
  return mean.reduce((sum, value) => sum + value, 0);
}
