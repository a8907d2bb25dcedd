import type { RequestWork, RoleWork } from "./request-work.ts";

/** A role's load over time, in bins of one second: workers' worth of work, and its variance for Poisson arrivals (Σ share²). */
export interface LoadCurve {
  mean: Float64Array;
  variance: Float64Array;
}

export type RoleLoads = Record<"prefill" | "decode", LoadCurve>;

export interface LoadQuestion {
  /** Arrivals of the requests, ms; NaN for those that never came. */
  arrivalMs: Float64Array;
  work: RequestWork;
  /** Bins of one second. */
  seconds: number;
  isAggregated: boolean;
}

/** What a clairvoyant planner knows of rates: their mean over this much before and after, s. */
const CLAIR_HALF_WINDOW_S = 17;
/** Requests around a time that tell what requests look like then. */
const SHAPE_REQUESTS = 500;

/** The load that came: every request by itself. */
export function actualLoads({ arrivalMs, work, seconds, isAggregated }: LoadQuestion): RoleLoads {
  const loads = emptyLoads(seconds);
  for (let i = 0; i < arrivalMs.length; i++) {
    const arrivalS = arrivalMs[i]! / 1000;
    if (Number.isNaN(arrivalS)) continue;
    for (const role of ["prefill", "decode"] as const) {
      const { startS, durationS, share } = work[role];
      const fromS = arrivalS + startS[i]!;
      addInterval(loads[isAggregated ? "decode" : role], fromS, fromS + durationS[i]!, share[i]!);
    }
  }
  return loads;
}

/**
 * The load as one knows it who knows the rate, smoothed over ±17 s, and what requests look like, but no single arrival:
 * rate × mean work of the requests around.
 */
export function expectedLoads({ arrivalMs, work, seconds, isAggregated }: LoadQuestion): RoleLoads {
  const order = [...arrivalMs.keys()].filter((i) => !Number.isNaN(arrivalMs[i]!));
  order.sort((a, b) => arrivalMs[a]! - arrivalMs[b]!);
  const arrivalS = order.map((i) => arrivalMs[i]! / 1000);
  const loads = emptyLoads(seconds);
  if (order.length === 0) return loads;
  for (const role of ["prefill", "decode"] as const) {
    const sums = runningSums(order, work[role]);
    const { mean, variance } = loads[isAggregated ? "decode" : role];
    for (let second = 0; second < seconds; second++) {
      // Work comes later than its request: by its start and half its duration.
      const lagS = sums.mean("lag", arrivalS, second);
      const fromS = Math.max(0, second + 0.5 - lagS - CLAIR_HALF_WINDOW_S);
      const untilS = Math.min(seconds, second + 0.5 - lagS + CLAIR_HALF_WINDOW_S);
      const rate = untilS <= fromS ? 0 : (below(arrivalS, untilS) - below(arrivalS, fromS)) / (untilS - fromS);
      mean[second]! += rate * sums.mean("work", arrivalS, second);
      variance[second]! += rate * sums.mean("square", arrivalS, second);
    }
  }
  return loads;
}

/** Centred moving average over `widthS` seconds; the ends average over what there is. */
export function smoothed(values: Float64Array, widthS: number): Float64Array {
  if (widthS <= 1) return values;
  const sums = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i]! + values[i]!;
  const half = Math.floor(widthS / 2);
  return values.map((_, i) => {
    const from = Math.max(0, i - half);
    const until = Math.min(values.length, i + half + 1);
    return (sums[until]! - sums[from]!) / (until - from);
  });
}

function emptyLoads(seconds: number): RoleLoads {
  const curve = () => ({ mean: new Float64Array(seconds), variance: new Float64Array(seconds) });
  return { prefill: curve(), decode: curve() };
}

function addInterval({ mean, variance }: LoadCurve, fromS: number, untilS: number, share: number): void {
  const last = Math.min(mean.length - 1, Math.floor(untilS));
  for (let bin = Math.max(0, Math.floor(fromS)); bin <= last; bin++) {
    const overlap = Math.min(untilS, bin + 1) - Math.max(fromS, bin);
    mean[bin]! += overlap * share;
    variance[bin]! += overlap * share * share;
  }
}

function runningSums(order: readonly number[], { startS, durationS, share }: RoleWork) {
  const columns = {
    work: new Float64Array(order.length + 1),
    square: new Float64Array(order.length + 1),
    lag: new Float64Array(order.length + 1),
  };
  order.forEach((i, place) => {
    const work = durationS[i]! * share[i]!;
    columns.work[place + 1] = columns.work[place]! + work;
    columns.square[place + 1] = columns.square[place]! + work * share[i]!;
    columns.lag[place + 1] = columns.lag[place]! + startS[i]! + durationS[i]! / 2;
  });
  return {
    /** Mean over the requests around a time. */
    mean(column: keyof typeof columns, arrivalS: readonly number[], atS: number): number {
      const middle = below(arrivalS, atS);
      const from = Math.max(0, Math.min(middle - SHAPE_REQUESTS / 2, order.length - SHAPE_REQUESTS));
      const until = Math.min(order.length, from + SHAPE_REQUESTS);
      return (columns[column][until]! - columns[column][from]!) / (until - from);
    },
  };
}

/** How many of the ascending values are below `limit`. */
function below(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
