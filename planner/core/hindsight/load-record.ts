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
  /** Workers that the requests would have kept busy all the time, were they as fast as profiled. */
  load: number;
  /** Workers that the followed plan would have had, ready, and starting too, ÷ how much slower than profiled they were thought to be then. */
  active: number;
  held: number;
}

/** Loads of a stretch of time with their requests, newer ones counting more. */
export interface LoadSummary {
  requests: number;
  /** Mean over the time. */
  load: number;
  /** Mean workers that the followed plan would have held, were they as fast as profiled. */
  held: number;
  /** Requests and mean load by bin, loads ascending. */
  bins: { load: number; requests: number }[];
  /** Requests by the load that they came with and the workers that the followed plan would have had ready for them. */
  met: { active: number; load: number; requests: number }[];
}

/** The load of the last hours, tick by tick; bounded. */
export class LoadRecord {
  readonly #endS = new Float64Array(MOST_KEPT);
  readonly #bin = new Int16Array(MOST_KEPT);
  readonly #activeBin = new Int16Array(MOST_KEPT);
  readonly #columns = {
    seconds: new Float64Array(MOST_KEPT),
    requests: new Float64Array(MOST_KEPT),
    load: new Float64Array(MOST_KEPT),
    active: new Float64Array(MOST_KEPT),
    held: new Float64Array(MOST_KEPT),
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
    this.#activeBin[this.#next] = binOf(open.active);
    this.#columns.seconds[this.#next] = open.seconds;
    this.#columns.requests[this.#next] = open.requests;
    this.#columns.load[this.#next] = open.load;
    this.#columns.active[this.#next] = open.active;
    this.#columns.held[this.#next] = open.held;
    this.#next = (this.#next + 1) % MOST_KEPT;
    this.#count = Math.min(MOST_KEPT, this.#count + 1);
  }

  /** What is known since `sinceS`, fading with its age. */
  summary(nowS: number, sinceS = Number.NEGATIVE_INFINITY): LoadSummary {
    const { seconds, requests, load, active, held } = this.#columns;
    const weights = new Float64Array(BINS);
    const loads = new Float64Array(BINS);
    let allSeconds = 0;
    let allRequests = 0;
    let loadSeconds = 0;
    let heldSeconds = 0;
    const met = new Map<number, { active: number; load: number; requests: number }>();
    for (let k = 1; k <= this.#count; k++) {
      const i = (this.#next - k + MOST_KEPT) % MOST_KEPT;
      if (this.#endS[i]! < sinceS) break;
      const weight = Math.exp((this.#endS[i]! - nowS) / MEMORY_S);
      allSeconds += weight * seconds[i]!;
      allRequests += weight * requests[i]!;
      loadSeconds += weight * seconds[i]! * load[i]!;
      heldSeconds += weight * seconds[i]! * held[i]!;
      const bin = this.#bin[i]!;
      weights[bin]! += weight * requests[i]!;
      loads[bin]! += weight * requests[i]! * load[i]!;
      add(met, this.#activeBin[i]! * BINS + bin, weight * requests[i]!, active[i]!, load[i]!);
    }
    const bins: LoadSummary["bins"] = [];
    for (let bin = 0; bin < BINS; bin++) {
      if (weights[bin]! > 0) bins.push({ load: loads[bin]! / weights[bin]!, requests: weights[bin]! });
    }
    return {
      requests: allRequests,
      load: allSeconds > 0 ? loadSeconds / allSeconds : 0,
      held: allSeconds > 0 ? heldSeconds / allSeconds : 0,
      bins,
      met: [...met.values()],
    };
  }
}

function add(
  met: Map<number, LoadSummary["met"][number]>,
  key: number,
  requests: number,
  active: number,
  load: number,
) {
  if (!(requests > 0)) return;
  const known = met.get(key);
  if (known === undefined) {
    met.set(key, { active, load, requests });
    return;
  }
  known.requests += requests;
  const share = requests / known.requests;
  known.active += share * (active - known.active);
  known.load += share * (load - known.load);
}

function merged(a: Slot, b: Slot): Slot {
  const seconds = a.seconds + b.seconds;
  const mean = (of: "load" | "active" | "held") =>
    seconds > 0 ? (a[of] * a.seconds + b[of] * b.seconds) / seconds : b[of];
  return {
    seconds,
    requests: a.requests + b.requests,
    load: mean("load"),
    active: mean("active"),
    held: mean("held"),
  };
}

function binOf(load: number): number {
  return Math.max(0, Math.min(BINS - 1, Math.floor(Math.log(Math.max(load, LEAST_LOAD) / LEAST_LOAD) / BIN_WIDTH)));
}
