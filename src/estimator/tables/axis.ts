/** Measured places along one size, ascending. `locate` leaves its answer in the fields, so that a look-up allocates nothing. */
export class Axis {
  readonly places: Float64Array;
  /** Index of the place at or below, at most the last but one. */
  index = 0;
  /** Where the size lies between that place and the next, 0 to 1. */
  share = 0;
  /** By how many times the size exceeds the last place; 1 within. */
  beyond = 1;

  constructor(places: readonly number[]) {
    this.places = Float64Array.from(places);
  }

  get length(): number {
    return this.places.length;
  }

  locate(x: number): void {
    const { places } = this;
    const last = places.length - 1;
    this.beyond = 1;
    if (x <= places[0]! || last === 0) {
      this.index = 0;
      this.share = 0;
      if (x > places[last]!) this.beyond = x / places[last]!;
      return;
    }
    if (x >= places[last]!) {
      this.index = last - 1;
      this.share = 1;
      this.beyond = x / places[last]!;
      return;
    }
    let low = 0;
    let high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (places[middle]! <= x) low = middle;
      else high = middle;
    }
    this.index = low;
    this.share = (x - places[low]!) / (places[high]! - places[low]!);
  }

  /** Between the values at the located places, straight. `offset` is where this curve starts. */
  straight(values: Float64Array, offset: number): number {
    const at = offset + this.index;
    const below = values[at]!;
    // A hole beside the asked place must not spoil it.
    if (this.share === 0) return below;
    const above = values[at + 1]!;
    return this.share === 1 ? above : below + (above - below) * this.share;
  }

  /** The same with square roots, for times that grow with the square. */
  square(values: Float64Array, offset: number): number {
    const at = offset + this.index;
    const below = values[at]!;
    if (this.share === 0) return below;
    const above = values[at + 1]!;
    if (this.share === 1) return above;
    const root = Math.sqrt(below) + (Math.sqrt(above) - Math.sqrt(below)) * this.share;
    return root * root;
  }
}
