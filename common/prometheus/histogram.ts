import { formatBound, formatValue } from "./format.ts";
import { Metric, type MetricDefinition } from "./metric.ts";

/** Upper bounds with their texts, shared by all histograms that were given the same bounds. */
interface Bounds {
  readonly values: Float64Array;
  /** `le="0.5"} ` per bound, and that of +Inf at the end. */
  readonly tails: readonly string[];
}

const sharedBounds = new Map<string, Bounds>();

function boundsOf(name: string, given: readonly number[]): Bounds {
  const finite = given.filter((bound) => bound !== Number.POSITIVE_INFINITY);
  if (finite.some((bound, i) => !(i === 0 ? Number.isFinite(bound) : bound > finite[i - 1]!))) {
    throw new Error(`buckets of ${name} must ascend: ${given.join(", ")}`);
  }
  const key = finite.join();
  let bounds = sharedBounds.get(key);
  if (bounds === undefined) {
    const tails = [...finite, Number.POSITIVE_INFINITY].map((bound) => `le="${formatBound(bound)}"} `);
    bounds = { values: Float64Array.from(finite), tails };
    sharedBounds.set(key, bounds);
  }
  return bounds;
}

/** Counts per bucket and the sum, in a typed array: observing allocates nothing. */
export class HistogramChild {
  readonly #bounds: Float64Array;
  /** Observations per bucket (not cumulated), those beyond the last bound, then their sum. */
  readonly #state: Float64Array;
  /** `a="x",` or nothing. */
  readonly labels: string;

  constructor(bounds: Float64Array, labels: string) {
    this.#bounds = bounds;
    this.#state = new Float64Array(bounds.length + 2);
    this.labels = labels;
  }

  /**
   * O(log buckets). A bucket takes values up to and including its bound; NaN goes to +Inf and makes the sum NaN, as in
   * Prometheus' own clients.
   * @param weight the same value, so many times
   */
  observe(value: number, weight = 1): void {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    // NaN is not at most any bound, so it ends beyond the last.
    const state = this.#state;
    state[low]! += weight;
    state[bounds.length + 1]! += value * weight;
  }

  /** Observations per bucket, not cumulated; the last is beyond all bounds. */
  get bucketCounts(): Float64Array {
    return this.#state.subarray(0, this.#bounds.length + 1);
  }

  get count(): number {
    let count = 0;
    for (let i = 0; i <= this.#bounds.length; i++) count += this.#state[i]!;
    return count;
  }

  get sum(): number {
    return this.#state[this.#bounds.length + 1]!;
  }
}

/** How values are distributed. Without labels it is its own child. */
export class Histogram extends Metric<HistogramChild> {
  readonly type = "histogram";
  readonly #bounds: Bounds;

  /** @param buckets upper bounds, ascending; +Inf is always added */
  constructor(definition: MetricDefinition, buckets: readonly number[]) {
    super(definition);
    if (definition.labelNames.includes("le")) throw new Error(`"le" names the buckets of ${definition.name}`);
    this.#bounds = boundsOf(definition.name, buckets);
  }

  /** Upper bounds without +Inf. */
  get bounds(): ArrayLike<number> {
    return this.#bounds.values;
  }

  protected newChild(labels: string): HistogramChild {
    return new HistogramChild(this.#bounds.values, labels);
  }

  protected lines(child: HistogramChild): string {
    const { name } = this.definition;
    const { tails } = this.#bounds;
    const head = child.labels === "" ? `${name}_bucket{` : `${name}_bucket{${child.labels},`;
    const counts = child.bucketCounts;
    let text = "";
    let count = 0;
    for (let i = 0; i < tails.length; i++) {
      count += counts[i]!;
      text += `${head}${tails[i]!}${count}\n`;
    }
    const labels = child.labels === "" ? " " : `{${child.labels}} `;
    return `${text}${name}_sum${labels}${formatValue(child.sum)}\n${name}_count${labels}${count}\n`;
  }

  observe(value: number, weight = 1): void {
    this.labels().observe(value, weight);
  }
}
