import type { MetricFamily, MetricSample } from "./parse.ts";

/** Σ over series of a histogram. Buckets ascend, cumulated; the last is +Inf where the source had one. */
export interface HistogramValue {
  buckets: { le: number; count: number }[];
  sum: number;
  count: number;
}

/** Label values that a sample must have. */
export type LabelFilter = Readonly<Record<string, string>>;

function matches(sample: MetricSample, filter: LabelFilter): boolean {
  return Object.entries(filter).every(([name, value]) => sample.labels[name] === value);
}

/** Σ of a counter's or gauge's samples; null where there is none. */
export function sumOfSamples(family: MetricFamily | undefined, filter: LabelFilter = {}): number | null {
  const found = family?.samples.filter((sample) => matches(sample, filter)) ?? [];
  return found.length === 0 ? null : found.reduce((sum, sample) => sum + sample.value, 0);
}

/** The histogram over all series that match, as `sum by (le)`; null where there is none. */
export function sumOfHistograms(family: MetricFamily | undefined, filter: LabelFilter = {}): HistogramValue | null {
  if (family === undefined) return null;
  const byBound = new Map<number, number>();
  const total = { sum: 0, count: 0 };
  let found = false;
  for (const sample of family.samples) {
    if (!matches(sample, filter)) continue;
    if (sample.name === `${family.name}_bucket`) {
      const le = Number(sample.labels.le?.replace(/^\+?inf$/i, "Infinity"));
      if (!Number.isNaN(le)) byBound.set(le, (byBound.get(le) ?? 0) + sample.value);
    } else if (sample.name === `${family.name}_sum`) {
      total.sum += sample.value;
    } else if (sample.name === `${family.name}_count`) {
      total.count += sample.value;
      found = true;
    }
  }
  if (!found) return null;
  const buckets = [...byBound].map(([le, count]) => ({ le, count })).sort((a, b) => a.le - b.le);
  return { buckets, ...total };
}

/** What a counter rose by between two scrapes; one that fell was reset to 0 in between (as Prometheus' `increase`). */
export function counterIncrease(before: number, after: number): number {
  return after < before ? after : after - before;
}

/** The same for a histogram: where its count fell, all of it began anew. `before` null: it was not there. */
export function histogramIncrease(before: HistogramValue | null, after: HistogramValue): HistogramValue {
  if (before === null || after.count < before.count) return after;
  const earlier = new Map(before.buckets.map(({ le, count }) => [le, count]));
  return {
    buckets: after.buckets.map(({ le, count }) => ({ le, count: count - (earlier.get(le) ?? 0) })),
    sum: after.sum - before.sum,
    count: after.count - before.count,
  };
}

/**
 * Quantile by linear interpolation within the bucket that holds it: Prometheus' `histogram_quantile` for classic
 * histograms (promql/quantile.go). NaN for an empty histogram or one without +Inf; beyond the last bound, that bound.
 * @param q 0..1; below −Inf, above +Inf
 */
export function histogramQuantile(q: number, buckets: readonly { le: number; count: number }[]): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const last = buckets.length - 1;
  if (last < 1 || buckets[last]!.le !== Number.POSITIVE_INFINITY) return Number.NaN;
  const counts = new Float64Array(buckets.length);
  // Scrapes are not atomic, so that a later bucket may hold less: it is taken for as much as the one before.
  for (let i = 0; i <= last; i++) counts[i] = Math.max(buckets[i]!.count, i > 0 ? counts[i - 1]! : 0);
  const observations = counts[last]!;
  if (!(observations > 0)) return Number.NaN;
  const rank = q * observations;
  let found = 0;
  while (found < last && counts[found]! < rank) found++;
  if (found === last) return buckets[last - 1]!.le;
  const end = buckets[found]!.le;
  if (found === 0 && end <= 0) return end;
  const start = found === 0 ? 0 : buckets[found - 1]!.le;
  const before = found === 0 ? 0 : counts[found - 1]!;
  return start + (end - start) * ((rank - before) / (counts[found]! - before));
}
