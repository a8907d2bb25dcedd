/** Arrivals in a stretch of time. */
interface Stretch {
  lengthMs: number;
  count: number;
}

interface Step {
  atMs: number;
  /** 1/s. */
  rate: number;
}

/** Even arrivals would make any difference count. */
const LEAST_DISPERSION = 0.05;
/** Standard deviations that a mean of squares must be above what chance makes of it. */
const SIGNIFICANT = 4;
/** Probability that an even rate is taken for one that changes somewhere. */
const FALSE_ALARM = 0.01;
/** Share of the rate's variance that fewer steps may lose, and the most steps there are. */
const LOSS = 0.01;
const MOST_STEPS = 480;

/**
 * The rate over time of counts in windows, as steps that vary, over stretches of any length, by what the counts do there beyond chance:
 * arrivals drawn at them scatter as the counts did, and not by the same chance twice.
 *
 * Halves of halves (a Haar transform; Timmermann and Nowak, Multiscale modeling and estimation of Poisson processes, 1999): what the
 * halves of a stretch differ by is kept where that one is more than chance. The others of that length are scaled to the variance that
 * they have together beyond chance (Louis, Estimating a population of parameter values, 1984): to nothing where they have none.
 * @param inWindows from time 0 to `durationMs`, the last cut off there
 * @param dispersion variance ÷ mean of counts at an even rate
 */
export function rateSteps(
  inWindows: ArrayLike<number>,
  windowMs: number,
  durationMs: number,
  dispersion: number,
): Step[] {
  const windows = Array.from(inWindows, (count, i) => ({
    lengthMs: Math.min(windowMs, durationMs - i * windowMs),
    count,
  })).filter(({ lengthMs }) => lengthMs > 0);
  const levels: Stretch[][] = [windows];
  while (levels[0]!.length > 1) levels.unshift(inPairs(levels[0]!));
  // Among n deviations by chance, one beyond √(2 ln (n/p)) has at most the probability p (from the tail of the normal distribution).
  const limit = Math.sqrt(2 * Math.log(windows.length / FALSE_ALARM));
  let rates = [rateOf(levels[0]![0]!)];
  const ofLonger: number[] = [];
  for (const halves of levels.slice(1)) {
    const apart = rates.map((_, i) => deviations(halves[2 * i]!, halves[2 * i + 1], dispersion));
    const others = apart.filter((by) => Math.abs(by) <= limit);
    ofLonger.push(...others);
    // Long stretches are few: what they and those that are longer still do counts together.
    const scale = isMoreThanChance(others) || isMoreThanChance(ofLonger) ? shareBeyondChance(others) : 0;
    rates = rates.flatMap((rate, i) =>
      split(rate, halves[2 * i]!, halves[2 * i + 1], Math.abs(apart[i]!) > limit ? 1 : scale),
    );
  }
  return fewer(windows.map(({ lengthMs }, i) => ({ lengthMs, rate: rates[i]! })));
}

/**
 * E (a−b)² ÷ E (a+b) of the counts of two neighbouring windows with gamma gaps, as Var N(t) ≈ c m + (1−c²)/6 for a mean count of m (Cox, Renewal
 * Theory, 1962, §4.5). @param c what it comes to in long windows: the squared coefficient of variation @param m mean count of a window
 */
export function pairDispersion(c: number, m: number): number {
  return Math.max(Math.min(1, c), c + (1 - c * c) / (4 * m));
}

function rateOf({ count, lengthMs }: Stretch): number {
  return (count * 1000) / lengthMs;
}

function joined(a: Stretch, b: Stretch | undefined): Stretch {
  return { lengthMs: a.lengthMs + (b?.lengthMs ?? 0), count: a.count + (b?.count ?? 0) };
}

/** The last stays by itself where the number is odd. */
function inPairs(of: readonly Stretch[]): Stretch[] {
  return Array.from({ length: Math.ceil(of.length / 2) }, (_, i) => joined(of[2 * i]!, of[2 * i + 1]));
}

/** Standard deviations that two rates differ by; NaN where there is no second. */
function deviations(a: Stretch, b: Stretch | undefined, dispersion: number): number {
  const rate = rateOf(joined(a, b));
  if (b === undefined || rate === 0) return Number.NaN;
  const perLength = 1000 * (1 / a.lengthMs + 1 / b.lengthMs);
  const variance = Math.max(pairDispersion(dispersion, (2 * rate) / perLength), LEAST_DISPERSION) * rate * perLength;
  return (rateOf(b) - rateOf(a)) / Math.sqrt(variance);
}

function meanSquare(of: readonly number[]): number {
  return of.reduce((sum, by) => sum + by * by, 0) / of.length;
}

/** Whether deviations are more than standard ones. */
function isMoreThanChance(apart: readonly number[]): boolean {
  // The cube root of a mean of squares is nearly normal (Wilson and Hilferty, The distribution of chi-square, 1931).
  const spread = 2 / (9 * apart.length);
  return meanSquare(apart) > (1 - spread + SIGNIFICANT * Math.sqrt(spread)) ** 3;
}

/** What leaves of such deviations the variance beyond their own, as a factor. */
function shareBeyondChance(apart: readonly number[]): number {
  return Math.sqrt(Math.max(0, 1 - 1 / meanSquare(apart)));
}

/** The rates of two halves, whose mean is that of the whole, and which differ by that share of what they were seen to. */
function split(rate: number, a: Stretch, b: Stretch | undefined, share: number): number[] {
  const seen = rateOf(joined(a, b));
  if (b === undefined) return [rate];
  return [a, b].map((half) => (seen === 0 ? rate : rate * (1 + share * (rateOf(half) / seen - 1))));
}

/** Neighbours joined from those that differ least, as long as the rate keeps its variance but for a little. */
function fewer(steps: { lengthMs: number; rate: number }[]): Step[] {
  const sum = (of: (step: { lengthMs: number; rate: number }) => number) =>
    steps.reduce((all, step) => all + of(step), 0);
  const mean = sum(({ lengthMs, rate }) => lengthMs * rate) / sum(({ lengthMs }) => lengthMs);
  // Rates that differ in their last digits are one.
  let allowed = sum(({ lengthMs, rate }) => lengthMs * (LOSS * (rate - mean) ** 2 + (1e-9 * mean) ** 2));
  const lossAfter = (i: number) => {
    const [a, b] = [steps[i]!, steps[i + 1]!];
    return ((a.lengthMs * b.lengthMs) / (a.lengthMs + b.lengthMs)) * (a.rate - b.rate) ** 2;
  };
  const losses = steps.slice(1).map((_, i) => lossAfter(i));
  while (losses.length > 0) {
    let least = 0;
    for (let i = 1; i < losses.length; i++) if (losses[i]! < losses[least]!) least = i;
    if (losses[least]! > allowed && steps.length <= MOST_STEPS) break;
    allowed -= losses[least]!;
    const [a, b] = [steps[least]!, steps[least + 1]!];
    const lengthMs = a.lengthMs + b.lengthMs;
    steps.splice(least, 2, { lengthMs, rate: (a.rate * a.lengthMs + b.rate * b.lengthMs) / lengthMs });
    losses.splice(least, 1);
    if (least > 0) losses[least - 1] = lossAfter(least - 1);
    if (least < losses.length) losses[least] = lossAfter(least);
  }
  let atMs = 0;
  return steps.map(({ lengthMs, rate }) => {
    const step = { atMs, rate };
    atMs += lengthMs;
    return step;
  });
}
