import type { Observation } from "#planner/core";
import { type Fault, faultGoesOn } from "#scenarios/workload";
import { unseen } from "../unseen.ts";

type MetricsFault = Extract<Fault, { kind: "loseMetrics" | "lagMetrics" | "staleMetrics" | "nanMetrics" }>;

function concernsMetrics(fault: Fault): fault is MetricsFault {
  return ["loseMetrics", "lagMetrics", "staleMetrics", "nanMetrics"].includes(fault.kind);
}

/**
 * What a planner sees of a deployment whose metrics fail: nothing, what was, or NaN. The workers that there are it always knows:
 * that comes from whoever runs them.
 */
export class MetricsView {
  readonly #faults: MetricsFault[];
  readonly #longestLagMs: number;
  #past: Observation[] = [];
  /** The last one that was seen before metrics stood still, by fault. */
  readonly #still = new Map<MetricsFault, Observation | null>();
  #last: Observation | null = null;

  /** @param faults those that don't concern metrics are left alone */
  constructor(faults: readonly Fault[]) {
    this.#faults = faults.filter(concernsMetrics);
    this.#longestLagMs = Math.max(0, ...this.#faults.map((fault) => (fault.kind === "lagMetrics" ? fault.byMs : 0)));
  }

  /** Faults that distort what is seen at `nowMs`. */
  active(nowMs: number): MetricsFault[] {
    return this.#faults.filter((fault) => faultGoesOn(fault, nowMs));
  }

  /** @param actual to be handed in at every tick, in order of time */
  see(actual: Observation): Observation {
    if (this.#faults.length === 0) return actual;
    const { nowMs } = actual;
    if (this.#longestLagMs > 0) {
      this.#past.push(actual);
      const oldest = this.#past.findLastIndex((past) => past.nowMs <= nowMs - this.#longestLagMs);
      if (oldest > 0) this.#past = this.#past.slice(oldest);
    }
    const active = this.active(nowMs);
    const kinds = new Set(active.map(({ kind }) => kind));
    let seen = actual;
    const lag = Math.max(0, ...active.map((fault) => (fault.kind === "lagMetrics" ? fault.byMs : 0)));
    if (lag > 0) {
      const past = this.#past.findLast((candidate) => candidate.nowMs <= nowMs - lag);
      seen = past === undefined ? unseen(actual) : asOfNow(past, actual);
    }
    const still = active.find((fault) => fault.kind === "staleMetrics");
    if (still !== undefined) {
      if (!this.#still.has(still)) this.#still.set(still, this.#last);
      const frozen = this.#still.get(still) ?? null;
      seen = frozen === null ? unseen(actual) : asOfNow(frozen, actual);
    }
    if (kinds.has("nanMetrics")) seen = notANumber(actual);
    if (kinds.has("loseMetrics")) seen = unseen(actual);
    this.#last = seen;
    return seen;
  }
}

function asOfNow(past: Observation, { nowMs, windowMs, workers }: Observation): Observation {
  return { ...past, nowMs, windowMs, workers };
}

/** Every number that metrics tell is NaN. */
function notANumber(actual: Observation): Observation {
  const nan = Number.NaN;
  return {
    ...unseen(actual),
    startedRequests: nan,
    startedIsl: [nan],
    completedRequests: nan,
    meanIsl: nan,
    meanOsl: nan,
    meanTtftMs: nan,
    meanItlMs: nan,
    meanRequestDurationMs: nan,
    prefillMeasuredS: nan,
    prefillProfiledS: nan,
    kvHitRate: nan,
    acceptLength: nan,
    prefillLoad:
      actual.prefillLoad?.map(({ workerId }) => ({ workerId, queuedRequests: nan, queuedTokens: nan })) ?? null,
    decodeLoad: actual.decodeLoad?.map(({ workerId }) => ({ workerId, batch: nan, kvTokens: nan, itlMs: nan })) ?? null,
  };
}
