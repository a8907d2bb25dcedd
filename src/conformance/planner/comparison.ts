/** Collects how far a computed case is from its recorded values. */
export class Comparison {
  largestRelativeError = 0;
  firstDifference: string | null = null;
  checks = 0;

  /** Two real numbers: relative tolerance, with an absolute one for values near 0. NaN equals NaN. */
  near(what: string, found: number, expected: number, relative: number, absolute = 0): void {
    this.checks++;
    if (Number.isNaN(expected) && Number.isNaN(found)) return;
    const difference = Math.abs(found - expected);
    const error = difference === 0 ? 0 : difference / Math.max(Math.abs(expected), Number.MIN_VALUE);
    if (difference <= absolute) return;
    if (error > this.largestRelativeError || Number.isNaN(error)) this.largestRelativeError = error;
    if (!(error <= relative)) this.note(`${what}: found ${found}, expected ${expected}`);
  }

  /** Two values that must be the same. */
  same(what: string, found: unknown, expected: unknown): void {
    this.checks++;
    if (found !== expected) this.note(`${what}: found ${String(found)}, expected ${String(expected)}`);
  }

  note(text: string): void {
    this.firstDifference ??= text;
  }

  get passed(): boolean {
    return this.firstDifference === null && this.checks > 0;
  }
}
