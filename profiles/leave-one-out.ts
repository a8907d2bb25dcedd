import type { DecodeSamples, PrefillSamples, Profile, Surface } from "./types.ts";

/** Relative errors (0.1 = 10 %), index-aligned with the samples. */
export interface LeaveOneOutErrors {
  ttft: number[];
  prefillThroughput: number[];
  itl: number[];
  decodeThroughput: number[];
}

/**
 * How well surfaces predict what they have not seen: each sample in turn is left out, surfaces are built on the others
 * and asked for it. All points count, those at the edge of the measured range too (there the surface has to
 * extrapolate).
 * @param build makes the surfaces of a profile
 */
export function leaveOneOut(profile: Profile, build: (profile: Profile) => Surface): LeaveOneOutErrors {
  const { prefill, decode } = profile;
  const errors: LeaveOneOutErrors = { ttft: [], prefillThroughput: [], itl: [], decodeThroughput: [] };
  prefill.isl.forEach((isl, i) => {
    const surface = build({ ...profile, prefill: prefillWithout(prefill, i) });
    errors.ttft.push(relativeError(surface.ttftMs(isl), prefill.ttftMs[i]!));
    errors.prefillThroughput.push(relativeError(surface.prefillThroughputPerGpu(isl), prefill.throughputPerGpu[i]!));
  });
  decode.kvUsage.forEach((kvUsage, i) => {
    const surface = build({ ...profile, decode: decodeWithout(decode, i) });
    const context = decode.contextLength[i]!;
    errors.itl.push(relativeError(surface.itlMs(kvUsage, context), decode.itlMs[i]!));
    errors.decodeThroughput.push(
      relativeError(surface.decodeThroughputPerGpu(kvUsage, context), decode.throughputPerGpu[i]!),
    );
  });
  return errors;
}

function prefillWithout(samples: PrefillSamples, left: number): PrefillSamples {
  return {
    isl: without(samples.isl, left),
    ttftMs: without(samples.ttftMs, left),
    throughputPerGpu: without(samples.throughputPerGpu, left),
  };
}

function decodeWithout(samples: DecodeSamples, left: number): DecodeSamples {
  return {
    kvUsage: without(samples.kvUsage, left),
    contextLength: without(samples.contextLength, left),
    itlMs: without(samples.itlMs, left),
    throughputPerGpu: without(samples.throughputPerGpu, left),
    maxKvTokens: samples.maxKvTokens,
  };
}

function without(values: readonly number[], left: number): number[] {
  return values.filter((_, i) => i !== left);
}

function relativeError(found: number, measured: number): number {
  return Math.abs(found / measured - 1);
}
