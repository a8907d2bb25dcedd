/**
 * A one-step forecaster of an evenly sampled series. `add` takes one value per interval; what is no number above 0 counts as 0,
 * what is beyond `LARGEST` as that, and zeros before the first other value are dropped: a deployment that has not had traffic yet
 * says nothing about its traffic.
 */
export interface Predictor {
  add(value: number): void;
  /** The next value; 0 while nothing was added. Calling it twice changes nothing. */
  predict(): number;
}

/** What a series counts; the bank needs it to know how noisy a value is by itself. */
export type Quantity = "requests" | "length";

/** More than anybody counts in an interval, and little enough that sums of squares of sums stay finite. */
const LARGEST = 1e15;

/** The value to store for `value`, or null where it is leading idle and must be dropped. */
export function acceptedValue(value: number, isEmpty: boolean): number | null {
  const clean = value > 0 ? Math.min(value, LARGEST) : 0;
  return isEmpty && clean === 0 ? null : clean;
}
