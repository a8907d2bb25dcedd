import type { GapStatistics } from "./types.ts";

const RELATIVE_ACCURACY = 0.001;
const GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY);
const LN_GAMMA = Math.log(GAMMA);
/** Buckets cover 1e-13 … 1e13. */
const OFFSET = Math.ceil((13 * Math.LN10) / LN_GAMMA);

const BUCKETS = 2 * OFFSET + 1;

/** Upper edge of each bucket, γ^k at index k + OFFSET, once somebody has asked for it: a run has few of the thirty thousand. */
const EDGES = new Float64Array(BUCKETS);

function edgeOf(bucket: number): number {
  let edge = EDGES[bucket]!;
  if (edge === 0) {
    edge = GAMMA ** (bucket - OFFSET);
    EDGES[bucket] = edge;
  }
  return edge;
}

/** A sketch as a value that can be sent to another thread. */
export interface GapSketchState {
  count: number;
  shift: number;
  sum: number;
  sumOfSquares: number;
  min: number;
  max: number;
  zeros: number;
  buckets: Float64Array;
}

/**
 * Weighted moments (exact) and quantiles (log buckets of 0.1 % relative accuracy, as DDSketch, Masson et al. 2019):
 * bucket k = ceil(ln x / ln γ) answers 2 γ^k / (γ + 1).
 */
export class GapSketch {
  #count = 0;
  /** Sums are taken about the first value, so that equal values have no deviation. */
  #shift = 0;
  #sum = 0;
  #sumOfSquares = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #zeros = 0;
  readonly #buckets = new Float64Array(BUCKETS);
  /** The bucket last used and its bounds (from, to]: consecutive gaps mostly share it. */
  #bucket = 0;
  #bucketFrom = Number.POSITIVE_INFINITY;
  #bucketTo = Number.NEGATIVE_INFINITY;

  add(value: number, weight: number): void {
    if (this.#count === 0) this.#shift = value;
    this.#count += weight;
    const delta = value - this.#shift;
    this.#sum += weight * delta;
    this.#sumOfSquares += weight * delta * delta;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (value > this.#bucketFrom && value <= this.#bucketTo) {
      this.#buckets[this.#bucket]! += weight;
    } else {
      this.#addToBucket(value, weight);
    }
  }

  /** What was added so far; shares its buckets with the sketch. */
  state(): GapSketchState {
    return {
      count: this.#count,
      shift: this.#shift,
      sum: this.#sum,
      sumOfSquares: this.#sumOfSquares,
      min: this.#min,
      max: this.#max,
      zeros: this.#zeros,
      buckets: this.#buckets,
    };
  }

  /** Adds all that another sketch has seen. */
  merge(other: GapSketchState): void {
    if (other.count === 0) return;
    if (this.#count === 0) this.#shift = other.shift;
    // Σ (x − s) and Σ (x − s)² about this sketch's shift s instead of the other's.
    const moved = other.shift - this.#shift;
    this.#sumOfSquares += other.sumOfSquares + 2 * moved * other.sum + other.count * moved * moved;
    this.#sum += other.sum + other.count * moved;
    this.#count += other.count;
    this.#min = Math.min(this.#min, other.min);
    this.#max = Math.max(this.#max, other.max);
    this.#zeros += other.zeros;
    for (let i = 0; i < this.#buckets.length; i++) this.#buckets[i]! += other.buckets[i]!;
  }

  statistics(): GapStatistics {
    const count = this.#count;
    if (count === 0) {
      return { count: 0, meanMs: 0, minMs: 0, maxMs: 0, standardDeviationMs: 0, quantileMs: () => 0 };
    }
    const meanDelta = this.#sum / count;
    return {
      count,
      meanMs: this.#shift + meanDelta,
      minMs: this.#min,
      maxMs: this.#max,
      standardDeviationMs: Math.sqrt(Math.max(0, this.#sumOfSquares / count - meanDelta * meanDelta)),
      quantileMs: (q) => this.#quantile(q),
    };
  }

  #addToBucket(value: number, weight: number): void {
    if (!(value > 0) || !Number.isFinite(value)) {
      this.#zeros += weight;
      return;
    }
    const index = this.#bucketOf(value);
    this.#buckets[index]! += weight;
    this.#bucket = index;
    // Inner bounds a hair inside the bucket: values on its edge are judged by the logarithm every time.
    this.#bucketFrom = index === 0 ? 0 : edgeOf(index - 1) * (1 + 1e-9);
    this.#bucketTo = edgeOf(index) * (1 - 1e-9);
  }

  /** Successive gaps differ little: mostly the bucket is a neighbour of the last one. */
  #bucketOf(value: number): number {
    const above = this.#bucket + 1;
    if (above < BUCKETS && value > edgeOf(above - 1) * (1 + 1e-9) && value <= edgeOf(above) * (1 - 1e-9)) return above;
    const below = this.#bucket - 1;
    if (below > 0 && value > edgeOf(below - 1) * (1 + 1e-9) && value <= edgeOf(below) * (1 - 1e-9)) return below;
    return Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log(value) / LN_GAMMA) + OFFSET));
  }

  /** Value at rank round-half-up(q (n − 1)). */
  #quantile(q: number): number {
    const rank = Math.floor(q * (this.#count - 1) + 0.5);
    let seen = this.#zeros;
    if (rank < seen) return 0;
    // Nothing is in the buckets below the least value's.
    const first = this.#min > 0 ? Math.max(0, this.#bucketOf(this.#min) - 1) : 0;
    for (let i = first; i < this.#buckets.length; i++) {
      seen += this.#buckets[i]!;
      if (rank < seen) return (2 * GAMMA ** (i - OFFSET)) / (GAMMA + 1);
    }
    return this.#max;
  }
}
