import { mean } from "#common";
import { measuredRange } from "./measured-range.ts";
import { buildSurface } from "./surface.ts";
import type { Profile, Provenance, Surface } from "./types.ts";

/** How far B is from A over the points of A that B covers; shares of A's value. */
export interface DiffSummary {
  /** Points compared; the rest of A's lies outside what B measured. */
  compared: number;
  of: number;
  /** Mean of B ÷ A − 1: the sign says who is larger. */
  meanDifference: number;
  /** Mean of |B ÷ A − 1|. */
  meanAbsoluteDifference: number;
  /** The point that differs most, or null where none was compared. */
  largest: { at: string; a: number; b: number; difference: number } | null;
}

export interface ProfileDiff {
  /** True where samples and capacity are equal to the last bit, whatever the names. */
  identical: boolean;
  provenance: { key: keyof Provenance | "name"; a: unknown; b: unknown }[];
  maxKvTokens: { a: number; b: number };
  ttftMs: DiffSummary;
  prefillThroughputPerGpu: DiffSummary;
  itlMs: DiffSummary;
  decodeThroughputPerGpu: DiffSummary;
}

interface Comparison {
  at: string;
  a: number;
  b: number;
}

/**
 * Compares two profiles at the samples of the first, with what the robust surfaces of the second say there (with its
 * own samples where it has the same points).
 * @throws UserError PROFILES_TOO_FEW_POINTS
 */
export function diffProfiles(a: Profile, b: Profile): ProfileDiff {
  const surface = buildSurface(b);
  const range = measuredRange(b);
  const samplesOfB = sampleLookup(b, surface);
  const prefill = a.prefill.isl.map((isl, i) => ({ isl, i })).filter(({ isl }) => !range.extrapolatesPrefill(isl));
  const prefillPoints = (own: number[], other: (isl: number) => number): Comparison[] =>
    prefill.map(({ isl, i }) => ({ at: `${isl} tokens`, a: own[i]!, b: other(isl) }));
  // Loads compare by tokens in the cache: the same share of another cache is another load.
  const decode = a.decode.kvUsage
    .map((share, i) => ({
      i,
      context: a.decode.contextLength[i]!,
      kvUsage:
        a.decode.maxKvTokens === b.decode.maxKvTokens ? share : (share * a.decode.maxKvTokens) / b.decode.maxKvTokens,
    }))
    .filter(({ kvUsage, context }) => !range.extrapolates(kvUsage, context));
  const decodePoints = (own: number[], other: (kvUsage: number, context: number) => number): Comparison[] =>
    decode.map(({ kvUsage, context, i }) => ({
      at: `${Math.round(a.decode.kvUsage[i]! * a.decode.maxKvTokens)} KV tokens × ${context} tokens`,
      a: own[i]!,
      b: other(kvUsage, context),
    }));
  return {
    identical: sameSamples(a, b),
    provenance: provenanceDifferences(a, b),
    maxKvTokens: { a: a.decode.maxKvTokens, b: b.decode.maxKvTokens },
    ttftMs: summarise(prefillPoints(a.prefill.ttftMs, samplesOfB.ttftMs), a.prefill.isl.length),
    prefillThroughputPerGpu: summarise(
      prefillPoints(a.prefill.throughputPerGpu, samplesOfB.prefillThroughputPerGpu),
      a.prefill.isl.length,
    ),
    itlMs: summarise(decodePoints(a.decode.itlMs, samplesOfB.itlMs), a.decode.kvUsage.length),
    decodeThroughputPerGpu: summarise(
      decodePoints(a.decode.throughputPerGpu, samplesOfB.decodeThroughputPerGpu),
      a.decode.kvUsage.length,
    ),
  };
}

type Lookup = Pick<Surface, "ttftMs" | "prefillThroughputPerGpu" | "itlMs" | "decodeThroughputPerGpu">;

/** The profile's own sample where there is one at the very point, its surface elsewhere. */
function sampleLookup({ prefill, decode }: Profile, surface: Surface): Lookup {
  const prefillAt = new Map(prefill.isl.map((isl, i) => [isl, i]));
  const decodeAt = new Map(decode.kvUsage.map((kvUsage, i) => [`${kvUsage} ${decode.contextLength[i]}`, i]));
  const ofPrefill = (own: number[], fitted: (isl: number) => number) => (isl: number) =>
    own[prefillAt.get(isl) ?? -1] ?? fitted(isl);
  const ofDecode =
    (own: number[], fitted: (kvUsage: number, context: number) => number) => (kvUsage: number, context: number) =>
      own[decodeAt.get(`${kvUsage} ${context}`) ?? -1] ?? fitted(kvUsage, context);
  return {
    ttftMs: ofPrefill(prefill.ttftMs, surface.ttftMs),
    prefillThroughputPerGpu: ofPrefill(prefill.throughputPerGpu, surface.prefillThroughputPerGpu),
    itlMs: ofDecode(decode.itlMs, surface.itlMs),
    decodeThroughputPerGpu: ofDecode(decode.throughputPerGpu, surface.decodeThroughputPerGpu),
  };
}

function summarise(points: Comparison[], of: number): DiffSummary {
  const differences = points.map(({ a, b }) => b / a - 1);
  let worst = -1;
  differences.forEach((difference, i) => {
    if (worst < 0 || Math.abs(difference) > Math.abs(differences[worst]!)) worst = i;
  });
  const largest = points[worst];
  return {
    compared: points.length,
    of,
    meanDifference: points.length > 0 ? mean(differences) : 0,
    meanAbsoluteDifference: points.length > 0 ? mean(differences.map(Math.abs)) : 0,
    largest: largest ? { ...largest, difference: differences[worst]! } : null,
  };
}

function sameSamples(a: Profile, b: Profile): boolean {
  const arrays = ({ prefill, decode }: Profile): number[][] => [
    prefill.isl,
    prefill.ttftMs,
    prefill.throughputPerGpu,
    decode.kvUsage,
    decode.contextLength,
    decode.itlMs,
    decode.throughputPerGpu,
    [decode.maxKvTokens],
  ];
  const ofB = arrays(b);
  return arrays(a).every(
    (values, k) => values.length === ofB[k]!.length && values.every((value, i) => Object.is(value, ofB[k]![i])),
  );
}

function provenanceDifferences(a: Profile, b: Profile): ProfileDiff["provenance"] {
  const ofA = { name: a.name, ...a.provenance };
  const ofB = { name: b.name, ...b.provenance };
  const keys = [...new Set([...Object.keys(ofA), ...Object.keys(ofB)])] as (keyof typeof ofA)[];
  return keys.filter((key) => ofA[key] !== ofB[key]).map((key) => ({ key, a: ofA[key] ?? null, b: ofB[key] ?? null }));
}
