import type { Observation } from "../types.ts";

/** Traffic since the last throughput loop. */
export interface TrafficWindow {
  durationS: number;
  requests: number;
  /** Means, tokens; NaN where there were no requests. */
  isl: number;
  osl: number;
}

/** Windows that share no more than this follow one another, ms. */
const OVERLAP_MS = 1;

/** Adds observations up until a throughput loop takes them; means are weighted by what is behind them. */
export class TrafficSum {
  #durationMs = 0;
  #requests = 0;
  #completed = 0;
  #islSum = 0;
  #oslSum = 0;
  #isUnknown = false;
  #lastMs = Number.NEGATIVE_INFINITY;

  /**
   * Offered load where it is known, else what was completed. A window without either is not known, and none of it counts. A window
   * that reaches back before the last observation (a query over the whole interval) stands for all that came before it.
   */
  add(observation: Observation): void {
    const { nowMs, windowMs, windowEndMs = nowMs, startedRequests, completedRequests, meanIsl, meanOsl } = observation;
    if (windowEndMs - windowMs < this.#lastMs - OVERLAP_MS) this.#clear();
    this.#lastMs = windowEndMs;
    const requests = startedRequests ?? completedRequests;
    if (requests === null) {
      this.#isUnknown = true;
      return;
    }
    this.#durationMs += windowMs;
    this.#requests += requests;
    if (completedRequests === null || completedRequests <= 0 || meanIsl === null || meanOsl === null) return;
    this.#completed += completedRequests;
    this.#islSum += completedRequests * meanIsl;
    this.#oslSum += completedRequests * meanOsl;
  }

  /** What came together, and a fresh start; null where nothing is known, or requests came whose lengths are not. */
  take(): TrafficWindow | null {
    const window = {
      durationS: this.#durationMs / 1000,
      requests: this.#requests,
      isl: this.#islSum / this.#completed,
      osl: this.#oslSum / this.#completed,
    };
    const lacksLengths = this.#requests > 0 && this.#completed === 0;
    const isKnown = this.#durationMs > 0 && !lacksLengths && !(this.#isUnknown && this.#requests === 0);
    this.#clear();
    return isKnown ? window : null;
  }

  #clear(): void {
    this.#durationMs = this.#requests = this.#completed = this.#islSum = this.#oslSum = 0;
    this.#isUnknown = false;
  }
}
