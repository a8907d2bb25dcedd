import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildSurface, loadProfile, type Profile, shippedProfiles } from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";
import { arbitraryProfile } from "./arbitrary.ts";

const RUNS = { numRuns: 60, seed: 20_260_101 };
const load = fc.double({ min: 0, max: 1.5, noNaN: true });
const tokens = fc.oneof(
  fc.double({ min: 0, max: 1e7, noNaN: true }),
  fc.integer({ min: 0, max: 20_000 }),
  fc.constantFrom(0, 1, 1e12),
);

describe("robust surfaces of any profile", () => {
  it("have a TTFT that never falls with the input length, positive and finite", () => {
    fc.assert(
      fc.property(arbitraryProfile, fc.array(tokens, { minLength: 2, maxLength: 40 }), (profile, lengths) => {
        const surface = buildSurface(profile);
        const ttft = lengths.sort((a, b) => a - b).map((isl) => surface.ttftMs(isl));
        ttft.forEach((value, i) => {
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThan(Number.POSITIVE_INFINITY);
          if (i > 0) expect(value).toBeGreaterThanOrEqual(ttft[i - 1]! * (1 - 1e-12));
        });
      }),
      RUNS,
    );
  });

  it("have an ITL that never falls with the load at one context length, positive and finite", () => {
    const loads = Array.from({ length: 76 }, (_, i) => i / 50);
    fc.assert(
      fc.property(arbitraryProfile, fc.nat(), fc.constantFrom(1, 0.9, 1.3, 0.01, 100), (profile, pick, factor) => {
        const surface = buildSurface(profile);
        const { contextLength } = profile.decode;
        const context = contextLength[pick % contextLength.length]! * factor;
        const itl = loads.map((kvUsage) => surface.itlMs(kvUsage, context));
        itl.forEach((value, i) => {
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThan(Number.POSITIVE_INFINITY);
          if (i > 0) expect(value).toBeGreaterThanOrEqual(itl[i - 1]! * (1 - 1e-12));
        });
      }),
      RUNS,
    );
  });

  it("have throughput above zero everywhere", () => {
    fc.assert(
      fc.property(arbitraryProfile, load, tokens, (profile, kvUsage, length) => {
        const surface = buildSurface(profile);
        for (const value of [
          surface.decodeThroughputPerGpu(kvUsage, length),
          surface.prefillThroughputPerGpu(length),
        ]) {
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThan(Number.POSITIVE_INFINITY);
        }
      }),
      RUNS,
    );
  });

  it("find the highest load that keeps an ITL, the lowest where none does", () => {
    fc.assert(
      fc.property(
        arbitraryProfile,
        fc.double({ min: 0.1, max: 500, noNaN: true }),
        fc.integer({ min: 1, max: 10_000 }),
        (profile, targetMs, context) => {
          const surface = buildSurface(profile);
          const best = surface.bestThroughputPerGpu(targetMs, context);
          const lowest = Math.min(1, context / surface.maxKvTokens);
          expect(best.itlMs).toBe(surface.itlMs(best.kvUsage, context));
          expect(best.throughputPerGpu).toBe(surface.decodeThroughputPerGpu(best.kvUsage, context));
          if (best.itlMs > targetMs) expect(best.kvUsage).toBe(lowest);
          else if (best.kvUsage < 1)
            expect(surface.itlMs(best.kvUsage + 1e-6, context)).toBeGreaterThan(targetMs * (1 - 1e-9));
        },
      ),
      RUNS,
    );
  });
});

describe("robust surfaces of exact physics", () => {
  const contexts = [350, 3000, 6000, 9000, 12000, 15000];
  const shares = [0.02, 0.2, 0.4, 0.6, 0.8, 0.95];
  const maxKvTokens = 900_000;
  const itl = (kvUsage: number, context: number): number => 5 + (0.01 * kvUsage * maxKvTokens) / context + 20 * kvUsage;
  const ttft = (isl: number): number => 12 + isl / 70 + (isl / 4000) ** 2;
  const points = contexts.flatMap((context) => shares.map((kvUsage) => ({ context, kvUsage })));
  const isl = [100, 1000, 2000, 4000, 8000, 16000];
  const profile: Profile = {
    name: "physics",
    provenance: {},
    prefill: { isl, ttftMs: isl.map(ttft), throughputPerGpu: isl.map((tokens) => (1000 * tokens) / ttft(tokens) / 2) },
    decode: {
      kvUsage: points.map((point) => point.kvUsage),
      contextLength: points.map((point) => point.context),
      itlMs: points.map((point) => itl(point.kvUsage, point.context)),
      throughputPerGpu: points.map(
        ({ kvUsage, context }) => (1000 * kvUsage * maxKvTokens) / context / itl(kvUsage, context) / 2,
      ),
      maxKvTokens,
    },
  };
  const surface = buildSurface(profile);

  it("follow it between the points and far outside them", () => {
    for (const tokens of [0, 1, 50, 3000, 12_345, 60_000, 200_000]) {
      expect(surface.ttftMs(tokens) / ttft(tokens)).toBeCloseTo(1, 3);
    }
    for (const [kvUsage, context] of [
      [0.3, 5000],
      [0.11, 12_345],
      [1, 30_000],
      [0.5, 200],
      [0.9, 200_000],
      [1.3, 4000],
    ] as const) {
      expect(surface.itlMs(kvUsage, context) / itl(kvUsage, context), `${kvUsage} ${context}`).toBeCloseTo(1, 2);
    }
  });

  it("derive throughput from the latencies and the GPUs that the file was divided by", () => {
    expect(surface.prefillThroughputPerGpu(3000) / (3e6 / ttft(3000) / 2)).toBeCloseTo(1, 2);
    const batch = (0.5 * maxKvTokens) / 5000;
    expect(surface.decodeThroughputPerGpu(0.5, 5000) / ((1000 * batch) / itl(0.5, 5000) / 2)).toBeCloseTo(1, 2);
  });

  it("treat less than one request as one", () => {
    expect(surface.itlMs(0, 9000)).toBe(surface.itlMs(9000 / maxKvTokens, 9000));
    expect(surface.decodeThroughputPerGpu(0, 9000)).toBe(surface.decodeThroughputPerGpu(9000 / maxKvTokens, 9000));
  });

  it("know where they were not measured", () => {
    expect(surface.extrapolates(0.5, 5000)).toBe(false);
    expect(surface.extrapolates(0.02, 350)).toBe(false);
    for (const [kvUsage, context] of [
      [0.97, 5000],
      [0.01, 5000],
      [0.5, 15_100],
      [0.5, 300],
    ] as const) {
      expect(surface.extrapolates(kvUsage, context), `${kvUsage} ${context}`).toBe(true);
    }
    expect([99, 100, 5000, 16_000, 16_001].map((tokens) => surface.extrapolatesPrefill(tokens))).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
  });

  it("ignore one wild sample", () => {
    const ttftMs = isl.map((tokens, i) => (i === 3 ? 3 * ttft(tokens) : ttft(tokens)));
    const wild = buildSurface({ ...profile, prefill: { ...profile.prefill, ttftMs } });
    expect(wild.ttftMs(4000) / ttft(4000)).toBeLessThan(1.1);
  });

  it("ignore samples that are not numbers, and say so where none is left", () => {
    const holes = {
      ...profile.decode,
      itlMs: profile.decode.itlMs.map((value, i) => (i % 5 === 0 ? Number.NaN : value)),
    };
    expect(buildSurface({ ...profile, decode: holes }).itlMs(0.3, 5000) / itl(0.3, 5000)).toBeCloseTo(1, 2);
    const none = { ...profile.decode, itlMs: profile.decode.itlMs.map(() => Number.NaN) };
    expect(() => buildSurface({ ...profile, decode: none })).toThrow(/found 0 usable samples/);
  });

  it("go through repeated measurements of one point by their mean", () => {
    const doubled = (values: number[], factor: number): number[] =>
      values.flatMap((value) => [value * factor, value * (2 - factor)]);
    const { decode } = profile;
    const repeated = buildSurface({
      ...profile,
      decode: {
        kvUsage: doubled(decode.kvUsage, 1),
        contextLength: doubled(decode.contextLength, 1),
        itlMs: doubled(decode.itlMs, 1.1),
        throughputPerGpu: doubled(decode.throughputPerGpu, 1),
        maxKvTokens,
      },
    });
    expect(repeated.itlMs(0.3, 5000) / itl(0.3, 5000)).toBeCloseTo(1, 2);
  });
});

describe("robust surfaces of shipped profiles", () => {
  it("stay near every sample", () => {
    expect(shippedProfiles().length).toBeGreaterThan(0);
    for (const name of shippedProfiles()) expectNearSamples(loadProfile(name), 0.05);
  });
});

describeWithReference("robust surfaces of measured profiles", () => {
  it("stay near the samples", () => {
    expectNearSamples(loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1")), 0.06);
  });
});

/** Mean relative distance of the ITL surface from the samples that it was fitted to. */
function expectNearSamples(profile: Profile, limit: number): void {
  const surface = buildSurface(profile);
  const { kvUsage, contextLength, itlMs } = profile.decode;
  const errors = itlMs.map((value, i) => Math.abs(surface.itlMs(kvUsage[i]!, contextLength[i]!) / value - 1));
  expect(errors.reduce((sum, error) => sum + error, 0) / errors.length, profile.name).toBeLessThan(limit);
}
