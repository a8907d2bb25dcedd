import type { DecodeSamples, PrefillSamples } from "#profiles";
import { boundByLarger, loweredBy } from "../padding.ts";
import { type DecodePlan, type DecodePoint, decodePlan, prefillIsls } from "../sampling.ts";
import { breathe } from "../sweep/breathe.ts";
import { prefillThroughputPerGpu } from "../sweep/throughput.ts";
import type { OpenEngine } from "../types.ts";
import { inflectionPoints } from "./bisection.ts";

/** Fewer lengths than this make no curve. */
const LEAST_PREFILL_POINTS = 3;

export interface InterpolationOptions {
  /** Longest context to sample, tokens. */
  maxContext: number;
  granularity: number;
  signal?: AbortSignal;
  /** Ask for all points at once; for estimators, which take no turns. */
  atOnce?: boolean;
  /** Lower times that a larger pass undercuts: for estimates, whose tables have such artefacts. */
  sanitise?: boolean;
  onPoint?: (done: number, total: number) => void;
  onFailedPoint?: (what: string) => void;
}

export interface PrefillInterpolationOptions extends InterpolationOptions {
  /** Room left below the longest context, tokens; 512 where absent. */
  headroom?: number;
}

export interface DecodeInterpolationOptions extends InterpolationOptions {
  /** Loads to add per context length where ITL bends most; 0 where absent. */
  refine?: number;
}

export interface Interpolated<Samples> {
  samples: Samples;
  warnings: string[];
  /** What sanitising changed. */
  changes: string[];
}

/** One load of one context length: what a planner looks up by batch size. */
export interface BatchPoint {
  isl: number;
  contextLength: number;
  /** Requests at once on the whole engine. */
  batchSize: number;
  itlMs: number;
  throughputPerGpu: number;
}

export const NOT_ENOUGH_POINTS = "Not enough data points to perform interpolation (need at least 3 points)";

/**
 * TTFT over prompt length of one engine, at the lengths that the profiler chooses.
 * @returns without samples where there were too few of them
 * @throws UserError where the context is too small, and whatever the engine throws
 */
export async function interpolatePrefill(
  engine: OpenEngine,
  options: PrefillInterpolationOptions,
): Promise<Interpolated<PrefillSamples | undefined>> {
  const isls = prefillIsls(options.maxContext, options.granularity, options.headroom);
  const asked = await askAll(isls, async (isl) => (await engine.prefill(isl)).ttftMs, options);
  if (isls.length < LEAST_PREFILL_POINTS) return { samples: undefined, warnings: [NOT_ENOUGH_POINTS], changes: [] };
  const ttftMs = options.sanitise ? boundByLarger(asked) : asked;
  return {
    samples: {
      isl: isls,
      ttftMs,
      throughputPerGpu: isls.map((isl, i) => prefillThroughputPerGpu(isl, ttftMs[i]!, engine.mapping.layout)),
    },
    warnings: [],
    changes: boundNote("TTFT", asked, ttftMs, "longer prompt"),
  };
}

/**
 * ITL and throughput over KV usage and context length of one engine: a grid first, then, on demand, loads where ITL bends most.
 * @throws UserError where the context or the KV cache is too small, and whatever the engine throws
 */
export async function interpolateDecode(
  engine: OpenEngine,
  options: DecodeInterpolationOptions,
): Promise<Interpolated<DecodeSamples & { batches: BatchPoint[] }>> {
  const { layout } = engine.mapping;
  const plan: DecodePlan = decodePlan({
    maxContext: options.maxContext,
    maxKvTokens: engine.maxKvTokens,
    attentionDp: layout.attentionDp,
    granularity: options.granularity,
  });
  let measured = await measure(engine, plan.points, options);
  for (let added = 0; added < (options.refine ?? 0); added++) {
    const points = inflectionPoints(measured, layout.attentionDp, engine.maxKvTokens);
    if (points.length === 0) break;
    measured = [...measured, ...(await measure(engine, points, options))].toSorted(byContextThenLoad);
  }
  const asked = measured.map(({ itlMs }) => itlMs);
  const itlMs = options.sanitise ? boundPerContext(measured, asked) : asked;
  // A time that was lowered has another throughput than the one that came with it.
  const throughputPerGpu = measured.map((point, i) => (point.throughputPerGpu * point.itlMs) / itlMs[i]!);
  return {
    samples: {
      kvUsage: measured.map((point) => point.kvUsage),
      contextLength: measured.map((point) => point.contextLength),
      itlMs,
      throughputPerGpu,
      maxKvTokens: engine.maxKvTokens,
      batches: measured.map(({ isl, contextLength, requests }, i) => ({
        isl,
        contextLength,
        batchSize: requests,
        itlMs: itlMs[i]!,
        throughputPerGpu: throughputPerGpu[i]!,
      })),
    },
    warnings: plan.warnings,
    changes: boundNote("ITL", asked, itlMs, "larger batch"),
  };
}

export interface MeasuredPoint extends DecodePoint {
  itlMs: number;
  throughputPerGpu: number;
}

async function measure(
  engine: OpenEngine,
  points: readonly DecodePoint[],
  options: InterpolationOptions,
): Promise<MeasuredPoint[]> {
  const answers = await askAll(points, (point) => engine.decode(point.requests, point.isl, point.osl), options);
  return points.flatMap((point, i) => {
    const answer = answers[i]!;
    if (answer !== null) return [{ ...point, itlMs: answer.itlMs, throughputPerGpu: answer.throughputPerGpu }];
    options.onFailedPoint?.(`${point.requests} requests of ISL ${point.isl} at once gave no result, skipping`);
    return [];
  });
}

/** Questions that an estimator is asked before Ctrl-C is heard again. */
const AT_ONCE = 256;

async function askAll<Question, Answer>(
  questions: readonly Question[],
  ask: (question: Question) => Promise<Answer>,
  { signal, atOnce, onPoint }: InterpolationOptions,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  if (atOnce) {
    for (let start = 0; start < questions.length; start += AT_ONCE) {
      if (start > 0 && signal !== undefined) await breathe(signal);
      answers.push(...(await Promise.all(questions.slice(start, start + AT_ONCE).map(ask))));
    }
    return answers;
  }
  for (const question of questions) {
    signal?.throwIfAborted();
    answers.push(await ask(question));
    onPoint?.(answers.length, questions.length);
  }
  return answers;
}

function byContextThenLoad(a: MeasuredPoint, b: MeasuredPoint): number {
  return a.isl - b.isl || a.requests - b.requests;
}

/** Loads grow within a context length only. */
function boundPerContext(points: readonly DecodePoint[], times: readonly number[]): number[] {
  const bounded: number[] = [];
  for (let start = 0; start < points.length; ) {
    let end = start + 1;
    while (end < points.length && points[end]!.isl === points[start]!.isl) end++;
    bounded.push(...boundByLarger(times.slice(start, end)));
    start = end;
  }
  return bounded;
}

function boundNote(what: string, times: readonly number[], bounded: readonly number[], by: string): string[] {
  const { count, largest } = loweredBy(times, bounded);
  if (count === 0) return [];
  return [
    `${count} of ${times.length} ${what} samples lowered to that of a ${by}, at most by ${(largest * 100).toFixed(1)} %`,
  ];
}
