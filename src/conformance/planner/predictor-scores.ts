import { meanAbsoluteError } from "./predictor-cases.ts";

/** The series of all predictor files of a run, and the least recorded error on each. */
export class PredictorScores {
  readonly series = new Map<string, readonly number[]>();
  readonly best = new Map<string, number>();

  add(name: string, series: readonly number[], recorded: readonly number[]): void {
    this.series.set(name, series);
    const error = meanAbsoluteError(series, recorded);
    this.best.set(name, Math.min(error, this.best.get(name) ?? Number.POSITIVE_INFINITY));
  }
}
