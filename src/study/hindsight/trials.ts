import { planStrategy, type Targets } from "#planner/core";
import { type ReportedRun, requestBlocks } from "#src/record";
import { attainment, cost, missedSla } from "#src/report";
import type { SimulationSpec } from "#src/simulator";
import { allocation, leadSteps, limitGpus, type RoleSteps } from "./allocation.ts";
import type { LoadCurve, RoleLoads } from "./load.ts";

/** A plan and what came of it when it was played. */
export interface Trial {
  /** Ready workers by step, before start-up and limits. */
  need: RoleSteps;
  /** Workers held by step. */
  held: RoleSteps;
  /** 0..1 */
  attainment: number;
  good: number;
  gpuSeconds: number;
  /** Good requests per second and GPU. */
  goodputPerGpu: number;
  /** Requests that missed the SLA, by the step of their arrival. */
  missesByStep: Float64Array;
}

export interface TrialOptions {
  spec: SimulationSpec;
  simulate: (spec: SimulationSpec) => ReportedRun;
  maxGpus: number;
  stepMs: number;
  steps: number;
  /** The load that comes: a limit on GPUs divides them by it. */
  loads: RoleLoads;
  /** Called after each run. */
  onRun: (runs: number) => void;
}

/** Plays plans, each once, and counts how often. */
export class Trials {
  readonly spec: SimulationSpec;
  readonly stepMs: number;
  readonly steps: number;
  readonly lead: Targets;
  readonly gpusPerWorker: Targets;
  runs = 0;
  readonly #simulate: TrialOptions["simulate"];
  readonly #maxGpus: number;
  readonly #onRun: (runs: number) => void;
  readonly #known = new Map<string, Trial>();
  /** Load by step: whom a limit takes workers from. */
  readonly #load: Record<"prefill" | "decode", Float64Array>;

  constructor({ spec, simulate, maxGpus, stepMs, steps, loads, onRun }: TrialOptions) {
    this.spec = spec;
    this.#simulate = simulate;
    this.stepMs = stepMs;
    this.steps = steps;
    this.#maxGpus = maxGpus;
    this.#onRun = onRun;
    this.gpusPerWorker = { prefill: spec.prefill?.gpusPerWorker ?? 0, decode: spec.decode.gpusPerWorker };
    this.lead = {
      prefill: leadSteps(spec.prefill?.startupMs ?? 0, stepMs),
      decode: leadSteps(spec.decode.startupMs, stepMs),
    };
    this.#load = {
      prefill: highestBySteps(loads.prefill, steps, stepMs),
      decode: highestBySteps(loads.decode, steps, stepMs),
    };
  }

  /** Workers to hold for a need, within the limit. */
  held(need: RoleSteps): RoleSteps {
    const held = {
      prefill: allocation(need.prefill, this.lead.prefill),
      decode: allocation(need.decode, this.lead.decode),
    };
    limitGpus(held, this.#load, { gpusPerWorker: this.gpusPerWorker, maxGpus: this.#maxGpus });
    return held;
  }

  try(need: RoleSteps): Trial {
    const held = this.held(need);
    const key = `${held.prefill.join()}/${held.decode.join()}`;
    let trial = this.#known.get(key);
    if (trial === undefined) {
      trial = this.#measured(need, held, this.#play(held));
      this.#known.set(key, trial);
    }
    return trial;
  }

  #play(held: RoleSteps): ReportedRun {
    const record = this.#simulate({ ...this.spec, planner: planStrategy("plan", { stepMs: this.stepMs, ...held }) });
    this.runs++;
    this.#onRun(this.runs);
    return record;
  }

  #measured(need: RoleSteps, held: RoleSteps, record: ReportedRun): Trial {
    const { attainment: attained } = attainment(record);
    const { gpuSeconds } = cost(record);
    const missesByStep = new Float64Array(this.steps);
    for (const block of requestBlocks(record)) {
      for (let i = 0; i < block.requests.count; i++) {
        if (!missedSla(block, i, record.sla)) continue;
        const step = Math.min(this.steps - 1, Math.floor(block.requests.arrivalMs[i]! / this.stepMs));
        missesByStep[step]!++;
      }
    }
    return {
      need,
      held,
      attainment: attained.judged === 0 ? 1 : attained.share,
      good: attained.good,
      gpuSeconds,
      goodputPerGpu: gpuSeconds > 0 ? attained.good / gpuSeconds : 0,
      missesByStep,
    };
  }
}

function highestBySteps({ mean }: LoadCurve, steps: number, stepMs: number): Float64Array {
  return Float64Array.from({ length: steps }, (_, step) => {
    const from = Math.floor((step * stepMs) / 1000);
    const until = Math.max(from + 1, Math.floor(((step + 1) * stepMs) / 1000));
    return Math.max(0, ...mean.subarray(from, until));
  });
}

/** Whether `a` is to be preferred: who attains the floor before who does not; of two that do, the cheaper; else the one that attains more. */
export function isBetter(a: Trial, b: Trial, floor: number): boolean {
  const [keptA, keptB] = [a.attainment >= floor, b.attainment >= floor];
  if (keptA !== keptB) return keptA;
  return keptA ? a.goodputPerGpu > b.goodputPerGpu : a.attainment > b.attainment;
}
