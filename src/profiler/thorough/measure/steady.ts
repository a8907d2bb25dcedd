import { quantileSorted } from "#common";

/** Shares of the requests that have to be decoding at once, in the order in which they are tried. */
const SHARES = [1, 0.95, 0.9] as const;
/** Share of the tokens that has to lie within. */
const LEAST_TOKENS = 0.4;
/** Share of that time which is left out at either end: tokens are late there, while everybody's first or last ones are handled. */
const MARGIN = 0.1;

/** What a batch of requests did while it was whole. */
export interface SteadyState {
  /** Mean time between two tokens of a request, ms. */
  itlMs: number;
  /** Tokens per second of all requests. */
  tokensPerSecond: number;
  /** Share of the requests that were decoding all the time. */
  share: number;
  /** Share of the tokens that it is the mean of. */
  tokenShare: number;
}

/** Notes when the pieces of each request come. */
export class TokenTimes {
  readonly #times: Float64Array[];
  readonly #counts: Int32Array;

  /** @param pieces of a request at most */
  constructor(requests: number, pieces: number) {
    this.#times = Array.from({ length: requests }, () => new Float64Array(pieces));
    this.#counts = new Int32Array(requests);
  }

  add(request: number, count: number, atMs: number): void {
    const times = this.#times[request]!;
    for (let i = 0; i < count && this.#counts[request]! < times.length; i++) times[this.#counts[request]!++] = atMs;
  }

  /**
   * ITL of the time from the last request's first token to the first request's last one. While requests are still coming in,
   * passes are longer by their prompts; when the first have left, shorter than those of the whole batch: neither is a property
   * of the batch that was asked for. Where that time holds too few of the tokens, the slowest twentieth, then the slowest tenth
   * of the requests at either end are not waited for. Of the requests the median counts: all of a batch get their tokens
   * together, except for those that an engine which runs out of KV cache puts off.
   * @returns null where there is no such time
   */
  steadyState(): SteadyState | null {
    const requests = this.#times.length;
    const ends = [...this.#counts].map((count, i) => [this.#times[i]![0]!, this.#times[i]![Math.max(0, count - 1)]!]);
    if (this.#counts.some((count) => count < 2)) return null;
    const firsts = ends.map(([first]) => first!).sort((a, b) => a - b);
    const lasts = ends.map(([, last]) => last!).sort((a, b) => a - b);
    for (const share of SHARES) {
      const left = Math.floor((1 - share) * requests);
      const [fromMs, toMs] = [firsts[requests - 1 - left]!, lasts[left]!];
      const margin = MARGIN * (toMs - fromMs);
      const found = this.#between(fromMs + margin, toMs - margin);
      if (found !== null && found.tokenShare >= LEAST_TOKENS) return { ...found, share };
    }
    return null;
  }

  /** Over the requests that were decoding all of that time. */
  #between(fromMs: number, toMs: number): Omit<SteadyState, "share"> | null {
    if (!(toMs > fromMs)) return null;
    const slopes: number[] = [];
    let gapsWithin = 0;
    let gaps = 0;
    this.#times.forEach((times, i) => {
      const count = this.#counts[i]!;
      gaps += count - 1;
      if (times[0]! > fromMs || times[count - 1]! < toMs) return;
      let first = 0;
      while (times[first]! < fromMs) first++;
      let last = count - 1;
      while (times[last]! > toMs) last--;
      if (last <= first) return;
      gapsWithin += last - first;
      slopes.push(slope(times.subarray(first, last + 1)));
    });
    if (slopes.length === 0) return null;
    const itlMs = quantileSorted(
      slopes.sort((a, b) => a - b),
      0.5,
    );
    return { itlMs, tokensPerSecond: (this.#times.length * 1000) / itlMs, tokenShare: gapsWithin / gaps };
  }
}

/** Of values over their index, by least squares: one that comes late counts little. */
function slope(values: Float64Array): number {
  const middle = (values.length - 1) / 2;
  let products = 0;
  let squares = 0;
  values.forEach((value, i) => {
    products += (i - middle) * value;
    squares += (i - middle) ** 2;
  });
  return products / squares;
}
