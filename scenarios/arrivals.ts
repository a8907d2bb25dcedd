import type { RandomStream } from "#common";
import { FloatColumn } from "./columns.ts";
import type { RateCurve } from "./rate-curve.ts";
import type { Arrivals } from "./traffic.ts";

/**
 * Arrival times in [0, durationMs), ascending, ms. Points of a unit-rate process are mapped through the inverse of the
 * cumulative rate (time rescaling), which is exact for any rate: unit exponential gaps give the non-homogeneous Poisson process
 * (Çinlar 1975), gamma gaps a rescaled renewal process, whole numbers an even spacing.
 */
export function arrivalTimes(
  arrivals: Arrivals,
  curve: RateCurve,
  durationMs: number,
  stream: RandomStream,
): Float64Array {
  if (arrivals.kind === "binned") return binned(arrivals.stepMs, curve, durationMs, stream);
  const times = new FloatColumn();
  let operational = firstGap(arrivals, stream);
  let tMs = 0;
  for (;;) {
    tMs = curve.timeOf(operational, tMs);
    if (!(tMs < durationMs)) return times.toArray();
    times.push(tMs);
    operational += gap(arrivals, stream);
  }
}

type Renewal = Exclude<Arrivals, { kind: "binned" }>;

function gap(arrivals: Renewal, stream: RandomStream): number {
  switch (arrivals.kind) {
    case "poisson":
      return stream.exponential(1);
    case "gamma":
      return stream.gamma(1 / arrivals.cv ** 2, 1);
    case "constant":
      return 1;
  }
}

/**
 * The wait from a random moment to the next point, so that the mean count is right from the start: for gamma gaps a uniform
 * share of a length-biased one, which has one more unit of shape (Cox, Renewal Theory, 1962, §5.2).
 */
function firstGap(arrivals: Renewal, stream: RandomStream): number {
  if (arrivals.kind === "constant") return 0;
  if (arrivals.kind === "poisson") return stream.exponential(1);
  const shape = 1 / arrivals.cv ** 2;
  return stream.next() * stream.gamma(shape + 1, (shape + 1) / shape);
}

function binned(stepMs: number, curve: RateCurve, durationMs: number, stream: RandomStream): Float64Array {
  const times = new FloatColumn();
  for (let startMs = 0; startMs < durationMs; startMs += stepMs) {
    const lengthMs = Math.min(stepMs, durationMs - startMs);
    const count = stream.poisson((curve.rate(startMs) * lengthMs) / 1000);
    for (let j = 0; j < count; j++) times.push(Math.floor(startMs + (lengthMs * j) / count));
  }
  return times.toArray();
}
