/** A statistic of the original and of what was made of the fit. */
export interface ComparedStatistic {
  name: string;
  unit: string;
  original: number;
  regenerated: number;
  /** Relative for lengths, counts and rates; the difference for shares, correlations and coefficients. NaN where there is none. */
  error: number;
  isRelative: boolean;
  /** What two draws of the very same traffic differ by, in the error's unit, 19 times out of 20; undefined where it is not known. */
  chance?: number;
}

export function compared(
  name: string,
  unit: string,
  original: number,
  regenerated: number,
  isRelative = true,
  chance?: number,
): ComparedStatistic {
  const error = isRelative ? relative(original, regenerated) : regenerated - original;
  return { name, unit, original, regenerated, error, isRelative, ...(chance === undefined ? {} : { chance }) };
}

function relative(original: number, regenerated: number): number {
  if (original === regenerated) return 0;
  return original === 0 ? Number.NaN : regenerated / original - 1;
}
