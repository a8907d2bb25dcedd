/** Slots of time kept: at 5 s each, the last five hours and a half. */
const MOST_KEPT = 4096;
const SHORTEST_SLOT_S = 5;
/** Memory fades with this time constant, s: a burst an hour is worth holding capacity for, one a day is not. */
const MEMORY_S = 7200;
/** Bins of load: each 2 % wide, from `LEAST_LOAD` up. */
const BIN_WIDTH = 0.02;
const LEAST_LOAD = 1e-3;
const BINS = 1100;

/** What passed in a slot of time, and what the followed plan made of it. */
export interface Slot {
  seconds: number;
  requests: number;
  /** Workers that the requests would have kept busy all the time. */
  load: number;
  /** Requests that the followed plan would have let miss the SLA. */
  lost: number;
  /** Workers that the followed plan would have held, at the load that one carried then: Σ seconds × workers ÷ seconds of a worker a request took. */
  heldRequests: number;
}

/** Loads of a stretch of time with their requests, newer ones counting more. */
export interface LoadSummary {
  requests: number;
  lostShare: number;
  /** Mean workers held × requests/s that one carries: divided by what one carries now, workers. */
  heldRate: number;
  /** Requests and mean load by bin, loads ascending. */
  bins: { load: number; requests: number }[];
}

/** The load of the last hours, tick by tick; bounded. */
export class LoadRecord {
  readonly #endS = new Float64Array(MOST_KEPT);
  readonly #bin = new Int16Array(MOST_KEPT);
  readonly #columns = {
    seconds: new Float64Array(MOST_KEPT),
    requests: new Float64Array(MOST_KEPT),
    load: new Float64Array(MOST_KEPT),
    lost: new Float64Array(MOST_KEPT),
    heldRequests: new Float64Array(MOST_KEPT),
  };
  #next = 0;
  #count = 0;
  #open: Slot | null = null;

  push(nowS: number, slot: Slot): void {
    const open = this.#open === null ? { ...slot } : merged(this.#open, slot);
    this.#open = open;
    if (open.seconds < SHORTEST_SLOT_S - 1e-6) return;
    this.#open = null;
    this.#endS[this.#next] = nowS;
    this.#bin[this.#next] = binOf(open.load);
    this.#columns.seconds[this.#next] = open.seconds;
    this.#columns.requests[this.#next] = open.requests;
    this.#columns.load[this.#next] = open.load;
    this.#columns.lost[this.#next] = open.lost;
    this.#columns.heldRequests[this.#next] = open.heldRequests;
    this.#next = (this.#next + 1) % MOST_KEPT;
    this.#count = Math.min(MOST_KEPT, this.#count + 1);
  }

  /** What is known since `sinceS`, fading with its age. */
  summary(nowS: number, sinceS = Number.NEGATIVE_INFINITY): LoadSummary {
    const { seconds, requests, load, lost, heldRequests } = this.#columns;
    const weights = new Float64Array(BINS);
    const loads = new Float64Array(BINS);
    let allSeconds = 0;
    let allRequests = 0;
    let allLost = 0;
    let held = 0;
    for (let k = 1; k <= this.#count; k++) {
      const i = (this.#next - k + MOST_KEPT) % MOST_KEPT;
      if (this.#endS[i]! < sinceS) break;
      const weight = Math.exp((this.#endS[i]! - nowS) / MEMORY_S);
      allSeconds += weight * seconds[i]!;
      allRequests += weight * requests[i]!;
      allLost += weight * lost[i]!;
      held += weight * heldRequests[i]!;
      const bin = this.#bin[i]!;
      weights[bin]! += weight * requests[i]!;
      loads[bin]! += weight * requests[i]! * load[i]!;
    }
    const bins: LoadSummary["bins"] = [];
    for (let bin = 0; bin < BINS; bin++) {
      if (weights[bin]! > 0) bins.push({ load: loads[bin]! / weights[bin]!, requests: weights[bin]! });
    }
    return {
      requests: allRequests,
      lostShare: allRequests > 0 ? allLost / allRequests : 0,
      heldRate: allSeconds > 0 ? held / allSeconds : 0,
      bins,
    };
  }
}

function merged(a: Slot, b: Slot): Slot {
  const seconds = a.seconds + b.seconds;
  return {
    seconds,
    requests: a.requests + b.requests,
    load: seconds > 0 ? (a.load * a.seconds + b.load * b.seconds) / seconds : b.load,
    lost: a.lost + b.lost,
    heldRequests: a.heldRequests + b.heldRequests,
  };
}

function binOf(load: number): number {
  return Math.max(0, Math.min(BINS - 1, Math.floor(Math.log(Math.max(load, LEAST_LOAD) / LEAST_LOAD) / BIN_WIDTH)));
}
