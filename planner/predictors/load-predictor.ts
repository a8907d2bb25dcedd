import { createPredictor, type PredictorConfig, type PredictorTools } from "./config.ts";
import { logLoss } from "./log-loss.ts";
import type { Predictor } from "./types.ts";

/** The load of one interval: requests, and their mean lengths in tokens. */
export interface LoadValues {
  requests: number;
  isl: number;
  osl: number;
}

/** Forecasts the load of the next interval from those before it. */
export interface LoadForecaster {
  /** Lengths may be NaN where there were no requests. */
  add(values: LoadValues): void;
  predict(): LoadValues;
}

/**
 * What an interval without requests says about lengths: nothing, so that the last ones go on (`carry`), or that they were 0
 * (`zero`, as in Dynamo's planner of October 2025, where each series leaves out its own leading zeros).
 */
export type IdleLengths = "carry" | "zero";

/**
 * Forecasts requests, ISL and OSL together. In an interval without requests there are no lengths to learn from: once there
 * has been traffic, the last lengths are carried forward (as Dynamo's planner does since 2026), so that idle time
 * does not teach that prompts are empty.
 */
export class LoadPredictor implements LoadForecaster {
  readonly #requests: Predictor;
  readonly #isl: Predictor;
  readonly #osl: Predictor;
  readonly #idleLengths: IdleLengths;
  #lastLengths: { isl: number; osl: number } | null = null;
  /** Idle time before the first live request says nothing about traffic, whatever history was fed before. */
  #waitsForTraffic: boolean;

  /** @throws UserError PREDICTORS_PROPHET_MISSING */
  constructor(
    config: PredictorConfig,
    intervalS: number,
    tools: PredictorTools = {},
    idleLengths: IdleLengths = "carry",
  ) {
    this.#idleLengths = idleLengths;
    this.#waitsForTraffic = idleLengths === "carry";
    this.#requests = createPredictor(config, intervalS, "requests", tools);
    this.#isl = createPredictor(config, intervalS, "length", tools);
    this.#osl = createPredictor(config, intervalS, "length", tools);
  }

  add(values: LoadValues): void {
    if (this.#waitsForTraffic && !(values.requests > 0)) return;
    this.#waitsForTraffic = false;
    this.#learn(values, this.#idleLengths);
  }

  predict(): LoadValues {
    return { requests: this.#requests.predict(), isl: this.#isl.predict(), osl: this.#osl.predict() };
  }

  /** Feeds the intervals of a trace from before. Idle time that then precedes the first live request is still left out. */
  warmUp(history: Iterable<LoadValues>): void {
    for (const values of history) this.#learn(values, "carry");
    this.#waitsForTraffic = true;
  }

  #learn({ requests, isl, osl }: LoadValues, idleLengths: IdleLengths): void {
    this.#requests.add(requests);
    const known = requests > 0 && isl >= 0 && osl >= 0;
    const lengths = known || idleLengths === "zero" ? { isl, osl } : this.#lastLengths;
    if (lengths === null) return;
    this.#lastLengths = lengths;
    this.#isl.add(lengths.isl);
    this.#osl.add(lengths.osl);
  }
}

/**
 * How far a forecast of the load was off: 0.4 of the prompt tokens' error, 0.4 of the output tokens', 0.1 of each length's,
 * all as |log1p(forecast) − log1p(actual)| (the loss by which Dynamo's planner replay ranks predictors).
 */
export function loadLoss(forecast: LoadValues, actual: LoadValues): number {
  return (
    0.4 * logLoss(forecast.requests * forecast.isl, actual.requests * actual.isl) +
    0.4 * logLoss(forecast.requests * forecast.osl, actual.requests * actual.osl) +
    0.1 * logLoss(forecast.isl, actual.isl) +
    0.1 * logLoss(forecast.osl, actual.osl)
  );
}
