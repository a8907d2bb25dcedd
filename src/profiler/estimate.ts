import type { DecodeSamples, PrefillSamples, Profile, Provenance } from "#profiles";
import type { EngineEstimator } from "#src/estimator";
import { boundByLarger, loweredBy } from "./padding.ts";
import { type DecodePoint, decodePlan, prefillIsls } from "./sampling.ts";

/** Digits kept of a time; more would only record the estimator's rounding. */
const TIME_DIGITS = 7;

export interface EstimateOptions {
  name: string;
  /** Longest context to sample, tokens. */
  maxContext: number;
  prefillGranularity?: number;
  decodeGranularity?: number;
  /** What the caller knows of the profile's origin; the estimator's own facts are added to it. */
  provenance: Provenance;
  /** False keeps times that fall while the work grows. */
  sanitise?: boolean;
}

export interface EstimatedProfile {
  profile: Profile;
  warnings: string[];
}

/**
 * Samples a profile from an estimator at the points that the profiler would measure. Throughput is derived from time:
 * prefill `isl ÷ TTFT ÷ GPUs` (× attention ranks, each of which takes a prompt), decode as the estimator gives it.
 * @throws UserError where the context or the KV cache is too small, and whatever the estimator throws
 */
export async function estimateProfile(estimator: EngineEstimator, options: EstimateOptions): Promise<EstimatedProfile> {
  const { layout } = estimator.facts;
  const isls = prefillIsls(options.maxContext, options.prefillGranularity);
  const plan = decodePlan({
    maxContext: options.maxContext,
    maxKvTokens: estimator.maxKvTokens,
    attentionDp: layout.attentionDp,
    ...(options.decodeGranularity === undefined ? {} : { granularity: options.decodeGranularity }),
  });
  // Sent at once: an estimator in another process works while the next questions are on their way.
  const [ttftMs, itlMs] = await Promise.all([
    Promise.all(isls.map((isl) => estimator.prefillMs(isl))),
    Promise.all(plan.points.map(async (point) => (await estimator.decode(point.requests, point.isl, point.osl)).itlMs)),
  ]);
  const sanitise = options.sanitise ?? true;
  const ttft = sanitise ? boundByLarger(ttftMs) : ttftMs;
  const itl = sanitise ? boundPerContext(plan.points, itlMs) : itlMs;
  const changes = [
    ...estimator.adjustments,
    ...boundNote("TTFT", ttftMs, ttft, "longer prompt"),
    ...boundNote("ITL", itlMs, itl, "larger batch"),
  ];
  if (changes.length === 0) changes.push("sanitised: nothing needed a change");

  const profile: Profile = {
    name: options.name,
    prefill: prefillSamples(isls, ttft, layout.attentionDp / layout.gpus),
    decode: decodeSamples(plan.points, itl, layout.gpus, estimator.maxKvTokens),
    provenance: {
      ...options.provenance,
      ...factsAsProvenance(estimator),
      note: [options.provenance.note, ...(sanitise ? changes : [])].filter((part) => part !== undefined).join("; "),
    },
  };
  return { profile, warnings: plan.warnings };
}

function factsAsProvenance({ facts }: EngineEstimator): Provenance {
  return {
    backendVersion: facts.backendVersion,
    gpusPerPrefillEngine: facts.layout.gpus,
    gpusPerDecodeEngine: facts.layout.gpus,
    kvBytesPerToken: facts.kvBytesPerToken,
    source: "estimated",
  };
}

function prefillSamples(isl: number[], times: readonly number[], promptsPerGpu: number): PrefillSamples {
  const ttftMs = times.map(rounded);
  return {
    isl,
    ttftMs,
    throughputPerGpu: isl.map((tokens, i) => rounded(((tokens * 1000) / ttftMs[i]!) * promptsPerGpu)),
  };
}

function decodeSamples(
  points: readonly DecodePoint[],
  times: readonly number[],
  gpus: number,
  maxKvTokens: number,
): DecodeSamples {
  const itlMs = times.map(rounded);
  return {
    kvUsage: points.map((point) => point.kvUsage),
    contextLength: points.map((point) => point.contextLength),
    itlMs,
    throughputPerGpu: points.map((point, i) => rounded((point.requests * 1000) / itlMs[i]! / gpus)),
    maxKvTokens,
  };
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

function rounded(value: number): number {
  return Number(value.toPrecision(TIME_DIGITS));
}
