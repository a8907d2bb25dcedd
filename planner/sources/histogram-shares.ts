import { type HistogramValue, histogramQuantile } from "#common/prometheus";

/** Prompt lengths that stand for those of a window, of which a histogram only has buckets. */
const ISL_SAMPLES = 50;

/** Share of a histogram's observations up to `limit`, evenly spread within a bucket. 0 for an empty one. */
export function shareAtMost({ buckets, count }: HistogramValue, limit: number): number {
  if (!(count > 0)) return 0;
  let below = 0;
  let low = 0;
  for (const bucket of buckets) {
    if (bucket.le > limit) {
      if (bucket.le === Number.POSITIVE_INFINITY) return below / count;
      return (below + ((bucket.count - below) * (limit - low)) / (bucket.le - low)) / count;
    }
    below = bucket.count;
    low = bucket.le;
  }
  return below / count;
}

/** Quantiles in equal steps, scaled to the histogram's own mean, which buckets alone would miss. */
export function lengthsOf(histogram: HistogramValue): number[] {
  const mean = histogram.sum / histogram.count;
  if (!(histogram.count > 0) || !Number.isFinite(mean)) return [];
  const lengths = Array.from({ length: ISL_SAMPLES }, (_, i) =>
    histogramQuantile((i + 0.5) / ISL_SAMPLES, histogram.buckets),
  );
  const raw = lengths.reduce((sum, length) => sum + length, 0) / ISL_SAMPLES;
  return raw > 0 ? lengths.map((length) => (length * mean) / raw) : [mean];
}
