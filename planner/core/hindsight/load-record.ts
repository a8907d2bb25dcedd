/** Slots of time kept: at 5 s each, the last five hours and a half. */
const MOST_KEPT = 4096;
const SHORTEST_SLOT_S = 5;
/** Memory fades with this time constant, s: a burst an hour is worth holding capacity for, one a day is not. */
const MEMORY_S = 7200;
/** Bins of load: each 2 % wide, from `LEAST_LOAD` up. */
const BIN_WIDTH = 0.02;
const LEAST_LOAD = 1e-3;
const BINS = 1100;
/** Weights grow by a factor of e¹⁰⁰ until their sums are made anew, s. */
const REBASED_AFTER_S = 100 * MEMORY_S;

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
  /** Of all that is kept. */
  #sums = new Sums();

  push(nowS: number, slot: Slot): void {
    const open = this.#open === null ? { ...slot } : merged(this.#open, slot);
    this.#open = open;
    if (open.seconds < SHORTEST_SLOT_S - 1e-6) return;
    this.#open = null;
    const i = this.#next;
    if (this.#count === MOST_KEPT) this.#tell(this.#sums, i, -1);
    this.#endS[i] = nowS;
    this.#bin[i] = binOf(open.load);
    this.#activeBin[i] = binOf(open.active);
    this.#columns.seconds[i] = open.seconds;
    this.#columns.requests[i] = open.requests;
    this.#columns.load[i] = open.load;
    this.#columns.active[i] = open.active;
    this.#columns.held[i] = open.held;
    this.#next = (i + 1) % MOST_KEPT;
    this.#count = Math.min(MOST_KEPT, this.#count + 1);
    if (nowS - this.#sums.baseS > REBASED_AFTER_S) this.#sums = this.#sumsSince(Number.NEGATIVE_INFINITY, nowS);
    else this.#tell(this.#sums, i, 1);
  }

  /** What is known since `sinceS`, fading with its age. */
  summary(nowS: number, sinceS = Number.NEGATIVE_INFINITY): LoadSummary {
    const sums = sinceS === Number.NEGATIVE_INFINITY ? this.#sums : this.#sumsSince(sinceS, nowS);
    return sums.summary(nowS);
  }

  #sumsSince(sinceS: number, baseS: number): Sums {
    const sums = new Sums(baseS);
    for (let k = 1; k <= this.#count; k++) {
      const i = (this.#next - k + MOST_KEPT) % MOST_KEPT;
      if (this.#endS[i]! < sinceS) break;
      this.#tell(sums, i, 1);
    }
    return sums;
  }

  #tell(sums: Sums, i: number, sign: 1 | -1): void {
    const { seconds, requests, load, active, held } = this.#columns;
    const slot = { seconds: seconds[i]!, requests: requests[i]!, load: load[i]!, active: active[i]!, held: held[i]! };
    sums.add(slot, this.#endS[i]!, this.#bin[i]!, this.#activeBin[i]!, sign);
  }
}

/** Sums of slots with weights that grow with their time instead of fading: what fades is the factor of them all. */
class Sums {
  readonly baseS: number;
  #seconds = 0;
  #loadSeconds = 0;
  #heldSeconds = 0;
  /** By bin of load, and by bins of workers and load. */
  readonly #bins = new Map<number, Cell>();
  readonly #met = new Map<number, Cell>();

  constructor(baseS = 0) {
    this.baseS = baseS;
  }

  /** @param sign −1 takes away what was added */
  add(slot: Slot, endS: number, bin: number, activeBin: number, sign: 1 | -1): void {
    const weight = sign * Math.exp((endS - this.baseS) / MEMORY_S);
    this.#seconds += weight * slot.seconds;
    this.#loadSeconds += weight * slot.seconds * slot.load;
    this.#heldSeconds += weight * slot.seconds * slot.held;
    if (!(slot.requests > 0)) return;
    addTo(this.#bins, bin, slot, weight, sign);
    addTo(this.#met, activeBin * BINS + bin, slot, weight, sign);
  }

  summary(nowS: number): LoadSummary {
    const factor = Math.exp((this.baseS - nowS) / MEMORY_S);
    const bins = [...this.#bins].sort(([a], [b]) => a - b);
    const isThere = this.#seconds > 0;
    return {
      requests: bins.reduce((sum, [, { requests }]) => sum + factor * requests, 0),
      load: isThere ? this.#loadSeconds / this.#seconds : 0,
      held: isThere ? this.#heldSeconds / this.#seconds : 0,
      bins: bins.map(([, { requests, load }]) => ({ load: load / requests, requests: factor * requests })),
      met: [...this.#met.values()].map(({ requests, load, active }) => ({
        active: active / requests,
        load: load / requests,
        requests: factor * requests,
      })),
    };
  }
}

/** Σ weight × requests (× load, × workers) of the slots in a bin. */
interface Cell {
  slots: number;
  requests: number;
  load: number;
  active: number;
}

function addTo(cells: Map<number, Cell>, key: number, { requests, load, active }: Slot, weight: number, sign: 1 | -1) {
  let cell = cells.get(key);
  if (cell === undefined) {
    cell = { slots: 0, requests: 0, load: 0, active: 0 };
    cells.set(key, cell);
  }
  cell.slots += sign;
  // What rounding leaves of the last one is not a load.
  if (cell.slots === 0) cells.delete(key);
  const share = weight * requests;
  cell.requests += share;
  cell.load += share * load;
  cell.active += share * active;
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
