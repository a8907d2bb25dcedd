/** A configuration as a latency, the lower the better, and a throughput, the higher the better. */
export interface Tradeoff {
  latencyMs: number;
  throughputPerGpu: number;
}

/**
 * Indices of those than which no other has both a lower (or equal) latency and a higher (or equal) throughput, by latency. Of
 * equal ones the first stays; points that are not finite, or no time and throughput at all, are left out.
 */
export function paretoFront(points: readonly Tradeoff[]): number[] {
  const order = points
    .map((_, index) => index)
    .filter((index) => isUsable(points[index]!))
    .sort((a, b) => {
      const [one, other] = [points[a]!, points[b]!];
      return one.latencyMs - other.latencyMs || other.throughputPerGpu - one.throughputPerGpu || a - b;
    });
  const front: number[] = [];
  let best = 0;
  for (const index of order) {
    const { throughputPerGpu } = points[index]!;
    if (throughputPerGpu <= best) continue;
    best = throughputPerGpu;
    front.push(index);
  }
  return front;
}

/**
 * Index of the one with the highest throughput among those within the limit; of the one with the lowest latency where none is;
 * -1 of an empty list.
 */
export function bestWithin(points: readonly Tradeoff[], limitMs: number): number {
  let best = -1;
  for (const [index, point] of points.entries()) {
    if (!isUsable(point)) continue;
    if (best < 0 || isBetter(point, points[best]!, limitMs)) best = index;
  }
  return best;
}

function isBetter(one: Tradeoff, other: Tradeoff, limitMs: number): boolean {
  const keeps = one.latencyMs <= limitMs;
  if (keeps !== other.latencyMs <= limitMs) return keeps;
  return keeps ? one.throughputPerGpu > other.throughputPerGpu : one.latencyMs < other.latencyMs;
}

function isUsable({ latencyMs, throughputPerGpu }: Tradeoff): boolean {
  return Number.isFinite(latencyMs) && Number.isFinite(throughputPerGpu) && latencyMs > 0 && throughputPerGpu > 0;
}
