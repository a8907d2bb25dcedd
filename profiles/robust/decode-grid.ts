import { tooFewPoints } from "../errors.ts";
import type { DecodeSamples } from "../types.ts";
import { makeNonDecreasing } from "./isotonic.ts";
import { fitCorrection } from "./kriging.ts";
import { fitNonNegative } from "./physical-trend.ts";

export interface DecodeGrid {
  itlMs(kvUsage: number, contextLength: number): number;
  throughputPerGpu(kvUsage: number, contextLength: number): number;
}

/** Grid lines over load (quadratic: dense at few requests) and over the logarithm of the context length. */
const LOADS = 48;
const CONTEXTS = 160;
/** The trend never falls below this share of the fastest measured time. */
const LEAST_SHARE = 0.25;

/**
 * ITL over KV usage × context length: a trend a + b·batch + c·KV usage with a, b, c ≥ 0 (weights read once, work per
 * sequence, KV cache read), fitted to relative errors with Huber's weights, times a smooth correction (kriging of the
 * log residuals over log batch × log context), made non-decreasing in load at every context. Throughput is batch ÷ ITL
 * times a correction of the same kind, kept within the factors that the samples show. Both are tabled, a
 * context at a time, and interpolated between the lines, so that a look-up is cheap.
 *
 * Less than one request cannot decode: below its load the values are those of one request. Above a full cache ITL goes
 * on as the trend does.
 * @throws UserError PROFILES_TOO_FEW_POINTS
 */
export function fitDecodeGrid(samples: DecodeSamples, where: string): DecodeGrid {
  const { maxKvTokens } = samples;
  const usable = samples.kvUsage
    .map((kvUsage, i) => ({
      kvUsage: Math.max(kvUsage, samples.contextLength[i]! / maxKvTokens),
      context: samples.contextLength[i]!,
      itlMs: samples.itlMs[i]!,
      throughput: samples.throughputPerGpu[i]!,
    }))
    .filter(({ itlMs }) => Number.isFinite(itlMs) && itlMs > 0);
  if (usable.length === 0) throw tooFewPoints(where, 0, "at least 1 decode sample");

  const itlMs = usable.map((sample) => sample.itlMs);
  const batchOf = (kvUsage: number, context: number): number => (kvUsage * maxKvTokens) / context;
  const batches = usable.map(({ kvUsage, context }) => batchOf(kvUsage, context));
  const beta = fitNonNegative([usable.map(() => 1), batches, usable.map(({ kvUsage }) => kvUsage)], itlMs);
  const floor = LEAST_SHARE * Math.min(...itlMs);
  const trend = (kvUsage: number, context: number): number =>
    Math.max(floor, beta[0]! + beta[1]! * batchOf(kvUsage, context) + beta[2]! * kvUsage);

  const logBatch = batches.map(Math.log);
  const logContext = usable.map(({ context }) => Math.log(context));
  const correction = fitCorrection(
    logBatch,
    usable.map(({ kvUsage, context }, i) => Math.log(itlMs[i]! / trend(kvUsage, context))),
    logContext,
  );
  const firstLog = 0;
  const lastLog = Math.max(Math.log(maxKvTokens), ...logContext, 1);
  const logStep = (lastLog - firstLog) / (CONTEXTS - 1);
  /** A table whose rows are filled when they are first asked for: few lengths of context occur in a run. */
  const tabled = (
    value: (kvUsage: number, context: number) => number,
    finish = (_: Float64Array, _at: number) => {},
  ) => {
    const table = new Float64Array(CONTEXTS * LOADS);
    const isFilled = new Uint8Array(CONTEXTS);
    const fill = (row: number): void => {
      const context = Math.exp(firstLog + row * logStep);
      const least = leastLoad(context, maxKvTokens);
      for (let column = 0; column < LOADS; column++) {
        const kvUsage = least + (1 - least) * (column / (LOADS - 1)) ** 2;
        table[row * LOADS + column] = value(kvUsage, context);
      }
      finish(table, row * LOADS);
      isFilled[row] = 1;
    };
    return { table, isFilled, fill };
  };
  const itlTable = tabled(
    (kvUsage, context) =>
      trend(kvUsage, context) * Math.exp(correction(Math.log(batchOf(kvUsage, context)), Math.log(context))),
    (table, at) => makeNonDecreasing(table, at, LOADS),
  );
  // A simulation asks for latencies only: the second table is built when first needed.
  let ratioTable: ReturnType<typeof tabled> | undefined;
  const tableRatio = () => {
    const ratio = fitThroughputRatio(usable, logBatch, logContext);
    return tabled((kvUsage, context) => ratio(Math.log(batchOf(kvUsage, context)), Math.log(context)));
  };

  const lookUp = ({ table, isFilled, fill }: ReturnType<typeof tabled>, kvUsage: number, context: number): number => {
    const y = Math.max(0, Math.min(CONTEXTS - 1, (Math.log(context) - firstLog) / logStep));
    const least = leastLoad(context, maxKvTokens);
    const share = (kvUsage - least) / (1 - least);
    const x = share > 0 ? (share < 1 ? Math.sqrt(share) * (LOADS - 1) : LOADS - 1) : 0;
    const column = Math.min(LOADS - 2, Math.floor(x));
    const row = Math.min(CONTEXTS - 2, Math.floor(y));
    if (isFilled[row] === 0) fill(row);
    if (isFilled[row + 1] === 0) fill(row + 1);
    const at = row * LOADS + column;
    const dx = x - column;
    const below = table[at]! + (table[at + 1]! - table[at]!) * dx;
    const above = table[at + LOADS]! + (table[at + LOADS + 1]! - table[at + LOADS]!) * dx;
    return below + (above - below) * (y - row);
  };
  const itl = (kvUsage: number, context: number): number => {
    const clampedContext = Math.max(1, context);
    const value = lookUp(itlTable, kvUsage, clampedContext);
    if (!(kvUsage > 1)) return value;
    return (value * trend(kvUsage, clampedContext)) / trend(1, clampedContext);
  };
  return {
    itlMs: itl,
    throughputPerGpu: (kvUsage, context) => {
      const clampedContext = Math.max(1, context);
      const batch = Math.max(1, batchOf(kvUsage, clampedContext));
      ratioTable ??= tableRatio();
      return (lookUp(ratioTable, kvUsage, clampedContext) * batch) / itl(kvUsage, clampedContext);
    },
  };
}

/** The KV usage of one request; kept below a full cache, so that the load axis has a length. */
function leastLoad(context: number, maxKvTokens: number): number {
  const load = context / maxKvTokens;
  return Math.min(load, 0.999);
}

/**
 * Measured throughput × ITL ÷ batch over log batch × log context: 1000 ÷ GPUs, less what prefill and queueing took of
 * the run.
 */
function fitThroughputRatio(
  samples: readonly { itlMs: number; throughput: number }[],
  logBatch: readonly number[],
  logContext: readonly number[],
): (u: number, v: number) => number {
  const logs = samples.map(({ itlMs, throughput }, i) => Math.log((throughput * itlMs) / Math.exp(logBatch[i]!)));
  const kept = logs.map((_, i) => i).filter((i) => Number.isFinite(logs[i]!));
  if (kept.length === 0) return () => 1000;
  const values = kept.map((i) => logs[i]!);
  const sorted = [...values].sort((a, b) => a - b);
  const center = sorted[sorted.length >> 1]!;
  const correction = fitCorrection(
    kept.map((i) => logBatch[i]!),
    values.map((value) => value - center),
    kept.map((i) => logContext[i]!),
  );
  const lowest = Math.exp(sorted[0]!);
  const highest = Math.exp(sorted.at(-1)!);
  return (u, v) => Math.max(lowest, Math.min(highest, Math.exp(center + correction(u, v))));
}
