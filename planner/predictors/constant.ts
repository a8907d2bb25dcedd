import { acceptedValue, type Predictor } from "./types.ts";

/** The last value comes again. */
export function constantPredictor(): Predictor {
  let last: number | null = null;
  return {
    add(value) {
      last = acceptedValue(value, last === null) ?? last;
    },
    predict: () => last ?? 0,
  };
}
