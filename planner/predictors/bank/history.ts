/** Ticks kept: two days of 5 s ticks; the oldest quarter goes when it is full. */
export const HISTORY_TICKS = 34_560;

/** What was observed, tick by tick: the mean rate over each tick's window, NaN where there was no data. */
export class RateHistory {
  #endS = new Float64Array(1024);
  #widthS = new Float64Array(1024);
  #rates = new Float64Array(1024);
  #count = 0;

  push(nowS: number, dtS: number, rate: number): void {
    if (this.#count === this.#endS.length) this.#makeRoom();
    this.#endS[this.#count] = nowS;
    this.#widthS[this.#count] = dtS;
    this.#rates[this.#count] = rate;
    this.#count++;
  }

  get length(): number {
    return this.#count;
  }

  /** Seconds from the start of the first tick to the end of the last. */
  elapsedS(): number {
    return this.#count === 0 ? 0 : this.#endS[this.#count - 1]! - this.#endS[0]! + this.#widthS[0]!;
  }

  /** Mean rate over the last `windowS` (whole ticks, at least one), and the time it covers; NaN without data. */
  recent(windowS: number): { rate: number; coveredS: number } {
    let requests = 0;
    let coveredS = 0;
    for (let i = this.#count - 1; i >= 0 && coveredS < windowS - 1e-6; i--) {
      if (Number.isNaN(this.#rates[i]!)) break;
      requests += this.#rates[i]! * this.#widthS[i]!;
      coveredS += this.#widthS[i]!;
    }
    return { rate: requests / coveredS, coveredS };
  }

  /** Mean of the ticks whose middle lies within `halfWidthS` of `atS`; NaN where there are none. */
  meanAround(atS: number, halfWidthS: number): number {
    let requests = 0;
    let seconds = 0;
    for (let i = this.#firstEndingAfter(atS - halfWidthS); i < this.#count; i++) {
      const middle = this.#endS[i]! - this.#widthS[i]! / 2;
      if (middle > atS + halfWidthS) break;
      if (middle < atS - halfWidthS || Number.isNaN(this.#rates[i]!)) continue;
      requests += this.#rates[i]! * this.#widthS[i]!;
      seconds += this.#widthS[i]!;
    }
    return requests / seconds;
  }

  /** At most `maxBins` bins of equally many ticks over the whole history: middles and mean rates, without empty bins. */
  bins(maxBins: number): { middleS: Float64Array; rates: Float64Array; binS: number } {
    const perBin = Math.max(1, Math.ceil(this.#count / maxBins));
    const middles: number[] = [];
    const rates: number[] = [];
    // Whole bins, aligned with the newest tick: an incomplete bin would be noisier than the others.
    for (let start = this.#count % perBin; start + perBin <= this.#count; start += perBin) {
      let requests = 0;
      let seconds = 0;
      for (let i = start; i < start + perBin; i++) {
        if (Number.isNaN(this.#rates[i]!)) continue;
        requests += this.#rates[i]! * this.#widthS[i]!;
        seconds += this.#widthS[i]!;
      }
      if (seconds === 0) continue;
      middles.push((this.#endS[start]! - this.#widthS[start]! + this.#endS[start + perBin - 1]!) / 2);
      rates.push(requests / seconds);
    }
    const binS = (this.elapsedS() / Math.max(1, this.#count)) * perBin;
    return { middleS: Float64Array.from(middles), rates: Float64Array.from(rates), binS };
  }

  #firstEndingAfter(atS: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#endS[middle]! > atS) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #makeRoom(): void {
    if (this.#count < HISTORY_TICKS) {
      const grow = (old: Float64Array) => {
        const bigger = new Float64Array(Math.min(HISTORY_TICKS, old.length * 2));
        bigger.set(old);
        return bigger;
      };
      this.#endS = grow(this.#endS);
      this.#widthS = grow(this.#widthS);
      this.#rates = grow(this.#rates);
      return;
    }
    const dropped = HISTORY_TICKS >> 2;
    for (const column of [this.#endS, this.#widthS, this.#rates]) column.copyWithin(0, dropped);
    this.#count -= dropped;
  }
}
