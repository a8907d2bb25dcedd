/** A statistic of the original and of what was made of the fit. */
export interface ComparedStatistic {
  name: string;
  unit: string;
  original: number;
  regenerated: number;
  /** Relative for lengths, counts and rates; the difference for shares, correlations and coefficients. */
  error: number;
  isRelative: boolean;
}

export function compared(
  name: string,
  unit: string,
  original: number,
  regenerated: number,
  isRelative = true,
): ComparedStatistic {
  const error = isRelative ? (original === regenerated ? 0 : regenerated / original - 1) : regenerated - original;
  return { name, unit, original, regenerated, error, isRelative };
}
