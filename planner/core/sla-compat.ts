import { LoadPredictor, type PredictorConfig } from "#planner/predictors";
import type { Surface } from "#profiles";
import { type CorrectionFactors, decodeCorrection, type IntervalLoad, slaReplicas } from "./sla-formulas.ts";
import type { Decision, Observation, Planner, PlannerContext, Reason } from "./types.ts";

export interface SlaCompatOptions {
  intervalMs: number;
  maxGpus: number;
  minWorkers: number;
  predictor: PredictorConfig;
  /** Correct the profile by what is observed. */
  correction: boolean;
  /** What counts as a request: those that ended (the reference, blind to backlog) or those that arrived. */
  requestCount: "completed" | "started";
}

/**
 * Dynamo's throughput-based SLA planner of October 2025, decision for decision (with the constant predictor and a compat
 * surface): observe, correct, forecast the next interval, divide by profiled throughput.
 */
export function slaCompatStrategy(options: SlaCompatOptions, context: PlannerContext, surface: Surface): Planner {
  return new SlaCompat(options, context, surface);
}

class SlaCompat implements Planner {
  readonly strategy = "sla-compat";
  readonly intervalMs: number;
  readonly #options: SlaCompatOptions;
  readonly #context: PlannerContext;
  readonly #surface: Surface;
  readonly #predictor: LoadPredictor;
  readonly #correction: CorrectionFactors = { prefill: 1, decode: 1 };
  #tickCount = 0;

  constructor(options: SlaCompatOptions, context: PlannerContext, surface: Surface) {
    this.intervalMs = options.intervalMs;
    this.#options = options;
    this.#context = context;
    this.#surface = surface;
    const intervalS = options.intervalMs / 1000;
    this.#predictor = new LoadPredictor(options.predictor, intervalS, context.predictorTools, "zero");
    if (context.history !== undefined) this.#predictor.warmUp(context.history(intervalS));
  }

  tick(observation: Observation): Decision {
    const decision = this.#begin(observation);
    const requests =
      this.#options.requestCount === "started" ? observation.startedRequests : observation.completedRequests;
    if (requests === null) {
      return this.#stay(decision, "no-data", "no request counts: nothing is known, so nothing changes");
    }
    const { meanIsl, meanOsl, meanTtftMs, meanItlMs } = observation;
    this.#predictor.add({ requests, isl: meanIsl ?? Number.NaN, osl: meanOsl ?? Number.NaN });
    if (!isNumber(meanTtftMs) || !isNumber(meanItlMs) || !isNumber(meanIsl) || !isNumber(meanOsl)) {
      return this.#stay(decision, "no-traffic", "no request ended in this interval: nothing to size from");
    }
    const observed = { requests, isl: meanIsl, osl: meanOsl, itlMs: meanItlMs };
    if (this.#options.correction && !this.#correct(decision, observation, observed, meanTtftMs)) {
      return this.#stay(
        decision,
        "correction-failed",
        "the decode correction needs decode workers and request durations: the reference skips the interval",
      );
    }
    return this.#size(decision, observation.forecast);
  }

  /** The reference updates the prefill factor even where the decode factor then fails. */
  #correct(
    decision: Decision,
    { workers, meanRequestDurationMs }: Observation,
    observed: IntervalLoad & { itlMs: number },
    ttftMs: number,
  ): boolean {
    this.#correction.prefill = ttftMs / this.#surface.ttftMs(observed.isl);
    const requestDurationS = (meanRequestDurationMs ?? Number.NaN) / 1000;
    const intervalS = this.intervalMs / 1000;
    const decode = decodeCorrection(this.#surface, { ...observed, requestDurationS }, workers.decode.active, intervalS);
    if (decode !== null) {
      this.#correction.decode = decode.factor;
      decision.values.concurrencyPerDecodeWorker = decode.concurrency;
    }
    decision.values.prefillCorrection = this.#correction.prefill;
    decision.values.decodeCorrection = this.#correction.decode;
    return decode !== null;
  }

  #size(decision: Decision, given: Observation["forecast"]): Decision {
    const options = this.#options;
    const context = this.#context;
    const intervalS = this.intervalMs / 1000;
    const givenRate = given?.requestRate ?? null;
    const own = this.#predictor.predict();
    const load = {
      requests: givenRate === null ? own.requests : givenRate * intervalS,
      isl: given?.isl ?? own.isl,
      osl: given?.osl ?? own.osl,
    };
    decision.forecast = { requestRate: load.requests / intervalS, isl: load.isl, osl: load.osl };
    const sized = slaReplicas(this.#surface, load, this.#correction, {
      intervalS,
      itlMs: context.sla.itlMs,
      minEndpoint: options.minWorkers,
      maxGpus: options.maxGpus,
      gpusPerWorker: context.gpusPerWorker,
    });
    if (sized === null) {
      return this.#stay(
        decision,
        "profile-failed",
        "the profile shows no throughput at these lengths: the number of workers is not finite",
      );
    }
    decision.targets = sized.targets;
    decision.clamps = sized.clamps;
    Object.assign(decision.values, sized.values);
    decision.reasons = [...sizeReasons(decision, sized.values), ...clampReasons(decision)];
    return decision;
  }

  #begin(observation: Observation): Decision {
    const count =
      this.#options.requestCount === "started" ? observation.startedRequests : observation.completedRequests;
    const values: Record<string, number> = {
      prefillCorrection: this.#correction.prefill,
      decodeCorrection: this.#correction.decode,
    };
    const seen = {
      requests: count,
      meanIslTokens: observation.meanIsl,
      meanOslTokens: observation.meanOsl,
      meanTtftMs: observation.meanTtftMs,
      meanItlMs: observation.meanItlMs,
      meanRequestDurationMs: observation.meanRequestDurationMs,
    };
    for (const [name, value] of Object.entries(seen)) if (isNumber(value)) values[name] = value;
    return {
      tick: this.#tickCount++,
      atMs: observation.nowMs,
      strategy: this.strategy,
      targets: null,
      workers: observation.workers,
      observedRate: isNumber(count) ? count / (this.intervalMs / 1000) : null,
      forecast: null,
      values,
      clamps: [],
      reasons: [],
    };
  }

  #stay(decision: Decision, code: string, text: string): Decision {
    decision.reasons = [{ code, role: null, text }];
    return decision;
  }
}

function sizeReasons(decision: Decision, values: Record<string, number>): Reason[] {
  return (["prefill", "decode"] as const).map((role) => {
    const { active, starting } = decision.workers[role];
    const target = decision.targets![role];
    const code = target > active + starting ? "scale-up" : target < active + starting ? "scale-down" : "hold";
    const demand = values[`${role}TokensPerS`]!.toFixed(0);
    const capacity = values[`${role}ThroughputPerGpu`]!.toFixed(0);
    return { code, role, text: `${demand} tokens/s expected, ${capacity} tokens/s per GPU: ${target} workers` };
  });
}

function clampReasons(decision: Decision): Reason[] {
  return decision.clamps.map(({ name, role, from, to }) => ({
    code: name === "maxGpus" ? "budget" : "minimum",
    role,
    text: `${name} makes ${to} of ${from}`,
  }));
}

function isNumber(value: number | null): value is number {
  return value !== null && !Number.isNaN(value);
}
