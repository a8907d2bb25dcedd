/** One measurement: what was to be computed, and how long it took. */
export interface Sample {
  /** Features, index-aligned with the model's slopes. */
  x: readonly number[];
  y: number;
}

/**
 * Keeps samples spread over the range that was ever seen: features fall into buckets between their least and greatest value,
 * and where there are too many samples, the fullest bucket gives its oldest. So a long steady load does not push out what was
 * learnt of others (as Dynamo's planner of 2026 keeps its forward passes).
 */
export class SpreadSamples {
  readonly #maxSamples: number;
  readonly #perFeature: number;
  /** By bucket, in order of their first sample; of equally full ones the first gives. */
  #buckets = new Map<number, Sample[]>();
  #least: number[] = [];
  #greatest: number[] = [];
  #count = 0;
  readonly #isFixed: boolean;

  /**
   * @param buckets over all features: with two features a perfect square
   * @param greatest of each feature, for buckets that lie between 0 and it whatever comes; samples beyond are not kept
   */
  constructor(features: number, buckets: number, maxSamples: number, greatest?: readonly number[]) {
    this.#maxSamples = maxSamples;
    this.#perFeature = Math.round(buckets ** (1 / features));
    this.#isFixed = greatest !== undefined;
    if (greatest === undefined) return;
    this.#least = greatest.map(() => 0);
    this.#greatest = [...greatest];
  }

  get count(): number {
    return this.#count;
  }

  *[Symbol.iterator](): Generator<Sample> {
    for (const bucket of this.#buckets.values()) yield* bucket;
  }

  /** The greatest value of a feature that was ever seen; 0 before the first. */
  greatest(feature: number): number {
    return this.#greatest[feature] ?? 0;
  }

  /** What lies in the bucket of these features; none where they lie beyond a fixed range. */
  near(x: readonly number[]): readonly Sample[] {
    return this.#isWithin(x) ? (this.#buckets.get(this.#bucketOf(x)) ?? []) : [];
  }

  add(sample: Sample): void {
    if (this.#isFixed) {
      if (!this.#isWithin(sample.x)) return;
    } else if (this.#widen(sample.x)) this.#redistribute();
    this.#put(sample);
    if (++this.#count > this.#maxSamples) this.#dropOne();
  }

  #isWithin(x: readonly number[]): boolean {
    return x.every((value, feature) => value >= this.#least[feature]! && value <= this.#greatest[feature]!);
  }

  #widen(x: readonly number[]): boolean {
    let isWider = false;
    x.forEach((value, feature) => {
      if (!(value >= this.#least[feature]!)) {
        this.#least[feature] = value;
        isWider = true;
      }
      if (!(value <= this.#greatest[feature]!)) {
        this.#greatest[feature] = value;
        isWider = true;
      }
    });
    return isWider;
  }

  #redistribute(): void {
    const samples = [...this];
    this.#buckets = new Map();
    for (const sample of samples) this.#put(sample);
  }

  #put(sample: Sample): void {
    const key = this.#bucketOf(sample.x);
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, [sample]);
    else bucket.push(sample);
  }

  #bucketOf(x: readonly number[]): number {
    return x.reduce((key, value, feature) => {
      const width = (this.#greatest[feature]! - this.#least[feature]!) / this.#perFeature;
      const place = width > 0 ? Math.floor((value - this.#least[feature]!) / width) : 0;
      return key * this.#perFeature + Math.min(place, this.#perFeature - 1);
    }, 0);
  }

  #dropOne(): void {
    let fullest: [number, Sample[]] | null = null;
    for (const entry of this.#buckets) if (fullest === null || entry[1].length > fullest[1].length) fullest = entry;
    if (fullest === null) return;
    fullest[1].shift();
    if (fullest[1].length === 0) this.#buckets.delete(fullest[0]);
    this.#count--;
  }
}
