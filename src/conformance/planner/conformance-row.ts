import { formatUserError, UserError } from "#common";
import type { Comparison } from "./comparison.ts";

/** How one recorded case compares with ours. */
export interface PlannerConformanceRow {
  /** Path below the folder, and the case within the file. */
  case: string;
  passed: boolean;
  /** Why it was not compared, or null. A skipped case has not passed. */
  skipped: string | null;
  /** Over all compared numbers; for ARIMA, how much larger the mean absolute error is; NaN where nothing was compared. */
  largestRelativeError: number;
  /** In words, or null. */
  firstDifference: string | null;
}

/** Runs a comparison; a text instead of one says why it could not be made, and the case has failed. */
export function checkRow(label: string, compare: () => Comparison | string): PlannerConformanceRow {
  try {
    const outcome = compare();
    if (typeof outcome === "string") {
      return { case: label, passed: false, skipped: null, largestRelativeError: Number.NaN, firstDifference: outcome };
    }
    const { passed, largestRelativeError, firstDifference } = outcome;
    return { case: label, passed, skipped: null, largestRelativeError, firstDifference };
  } catch (error) {
    return failedRow(label, error);
  }
}

export function failedRow(label: string, error: unknown): PlannerConformanceRow {
  const text =
    error instanceof UserError ? formatUserError(error) : error instanceof Error ? error.message : String(error);
  return { case: label, passed: false, skipped: null, largestRelativeError: Number.NaN, firstDifference: text };
}

export function skippedRow(label: string, skipped: string): PlannerConformanceRow {
  return { case: label, passed: false, skipped, largestRelativeError: Number.NaN, firstDifference: null };
}
