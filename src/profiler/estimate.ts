import type { Profile, Provenance } from "#profiles";
import type { EngineEstimator } from "#src/estimator";
import { contextTooSmall } from "./errors.ts";
import { interpolateDecode, interpolatePrefill } from "./interpolation/interpolate.ts";
import { DEFAULT_DECODE_GRANULARITY, DEFAULT_PREFILL_GRANULARITY } from "./sampling.ts";
import { kindOf, mappingOf } from "./space/mapping.ts";
import { estimatedEngine } from "./sweep/estimated-engine.ts";

/** Digits kept of a time; more would only record the estimator's rounding. */
const TIME_DIGITS = 7;
/** Shortest context of which three lengths can be sampled, tokens. */
const LEAST_CONTEXT = 615;

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
 * Samples a profile from an estimator at the points that the profiler would measure, prefill and decode of one engine alike.
 * @throws UserError where the context or the KV cache is too small, and whatever the estimator throws
 */
export async function estimateProfile(estimator: EngineEstimator, options: EstimateOptions): Promise<EstimatedProfile> {
  const { layout } = estimator.facts;
  const { maxContext, prefillGranularity, decodeGranularity, sanitise = true } = options;
  const engine = estimatedEngine(estimator, mappingOf(kindOf(layout), layout.gpus));
  // Sent at once: an estimator in another process works while the next questions are on their way.
  const sampling = { maxContext, sanitise, atOnce: true };
  const [prefill, decode] = await Promise.all([
    interpolatePrefill(engine, { ...sampling, granularity: prefillGranularity ?? DEFAULT_PREFILL_GRANULARITY }),
    interpolateDecode(engine, { ...sampling, granularity: decodeGranularity ?? DEFAULT_DECODE_GRANULARITY }),
  ]);
  if (prefill.samples === undefined) throw contextTooSmall(maxContext, LEAST_CONTEXT, "prefill");
  const changes = [...estimator.adjustments, ...prefill.changes, ...decode.changes];
  if (changes.length === 0) changes.push("sanitised: nothing needed a change");

  const { isl, ttftMs, throughputPerGpu } = prefill.samples;
  const { batches: _, ...samples } = decode.samples;
  const profile: Profile = {
    name: options.name,
    prefill: { isl, ttftMs: ttftMs.map(rounded), throughputPerGpu: throughputPerGpu.map(rounded) },
    decode: {
      ...samples,
      itlMs: samples.itlMs.map(rounded),
      throughputPerGpu: samples.throughputPerGpu.map(rounded),
    },
    provenance: {
      ...options.provenance,
      ...factsAsProvenance(estimator),
      note: [options.provenance.note, ...(sanitise ? changes : [])].filter((part) => part !== undefined).join("; "),
    },
  };
  return { profile, warnings: decode.warnings };
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

function rounded(value: number): number {
  return Number(value.toPrecision(TIME_DIGITS));
}
