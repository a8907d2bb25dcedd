import fc from "fast-check";
import type { Profile } from "#profiles";

const share = fc.double({ min: 0, max: 1, noNaN: true });
/** Factors on what physics says: exact samples with outliers (which a surface is tempted to follow), or noise all over. */
const disturbances = (count: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc.array(fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, fc.constantFrom(0.6, 1.8)), {
      minLength: count,
      maxLength: count,
    }),
    fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: count, maxLength: count }),
    // Every load is faster than the one before: the reverse of physics.
    fc.constant(Array.from({ length: count }, (_, i) => 2 / (1 + (i % 7)))),
  );

/** Profiles of every shape that a sweep can have: few or many lines and loads, noisy, with outliers, not monotone. */
export const arbitraryProfile: fc.Arbitrary<Profile> = fc
  .record({
    maxKvTokens: fc.integer({ min: 2000, max: 5_000_000 }),
    gpus: fc.constantFrom(1, 2, 4, 8),
    isl: fc.uniqueArray(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 20 }),
    prefillNoise: disturbances(20),
    contexts: fc.uniqueArray(share, { minLength: 1, maxLength: 6 }),
    loads: fc.array(share, { minLength: 1, maxLength: 7 }),
    decodeNoise: disturbances(42),
    baseMs: fc.double({ min: 0.5, max: 50, noNaN: true }),
    perSequenceMs: fc.double({ min: 0, max: 0.5, noNaN: true }),
    perCacheMs: fc.double({ min: 0, max: 100, noNaN: true }),
  })
  .map(({ maxKvTokens, gpus, contexts, loads, ...rest }) => {
    const isl = [...rest.isl].sort((a, b) => a - b);
    const ttftMs = isl.map((tokens, i) => (5 + tokens / 50 + (tokens / 5000) ** 2) * rest.prefillNoise[i]!);
    loads.sort((a, b) => a - b);
    const decode = {
      kvUsage: [] as number[],
      contextLength: [] as number[],
      itlMs: [] as number[],
      throughputPerGpu: [] as number[],
      maxKvTokens,
    };
    contexts.forEach((at, row) => {
      const contextLength = Math.round(100 + at * (maxKvTokens / 2 - 100));
      const least = contextLength / maxKvTokens;
      loads.forEach((load, column) => {
        const kvUsage = least + load * (1 - least);
        const batch = (kvUsage * maxKvTokens) / contextLength;
        const itlMs =
          (rest.baseMs + rest.perSequenceMs * batch + rest.perCacheMs * kvUsage) * rest.decodeNoise[7 * row + column]!;
        decode.kvUsage.push(kvUsage);
        decode.contextLength.push(contextLength);
        decode.itlMs.push(itlMs);
        decode.throughputPerGpu.push((1000 * batch) / itlMs / gpus);
      });
    });
    return {
      name: "arbitrary",
      provenance: {},
      prefill: { isl, ttftMs, throughputPerGpu: isl.map((tokens, i) => (1000 * tokens) / ttftMs[i]! / gpus) },
      decode,
    };
  });
