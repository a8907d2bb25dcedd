import { describe, expect, it } from "vitest";
import { diffProfiles, loadProfile, type Profile, shippedProfiles } from "#profiles";

const profile = loadProfile(shippedProfiles().find((name) => name.includes("h200-llama-3.1-8b"))!);

function scaled(factor: number): Profile {
  const copy = structuredClone(profile);
  copy.decode.itlMs = copy.decode.itlMs.map((value) => value * factor);
  copy.decode.throughputPerGpu = copy.decode.throughputPerGpu.map((value) => value / factor);
  return copy;
}

describe("the difference of two profiles", () => {
  it("is nothing for equal ones, to the last bit", () => {
    const diff = diffProfiles(profile, structuredClone(profile));
    expect(diff).toMatchObject({ identical: true, provenance: [] });
    for (const part of [diff.ttftMs, diff.prefillThroughputPerGpu, diff.itlMs, diff.decodeThroughputPerGpu]) {
      expect(part).toMatchObject({ meanDifference: 0, meanAbsoluteDifference: 0 });
      expect(part.compared).toBe(part.of);
    }
  });

  it("is the factor between them, and the point that differs most", () => {
    const slower = scaled(1.1);
    slower.decode.itlMs[7] = profile.decode.itlMs[7]! * 1.5;
    const diff = diffProfiles(profile, slower);
    expect(diff.identical).toBe(false);
    expect(diff.ttftMs.meanAbsoluteDifference).toBe(0);
    expect(diff.itlMs.meanDifference).toBeCloseTo(0.1, 1);
    expect(diff.itlMs.largest!.difference).toBeCloseTo(0.5, 12);
    expect(diff.itlMs.largest!.a).toBe(profile.decode.itlMs[7]);
    expect(diff.decodeThroughputPerGpu.meanDifference).toBeCloseTo(1 / 1.1 - 1, 12);
  });

  it("compares by the second's surfaces where it has no sample, and not at all where it did not measure", () => {
    const half = structuredClone(profile);
    const keep = half.decode.contextLength.map((context) => context < 8000);
    for (const key of ["kvUsage", "contextLength", "itlMs", "throughputPerGpu"] as const) {
      half.decode[key] = half.decode[key].filter((_, i) => keep[i]);
    }
    half.prefill.isl = half.prefill.isl.map((isl) => isl + 1);
    const diff = diffProfiles(profile, half);
    expect(diff.itlMs.compared).toBeLessThan(diff.itlMs.of);
    expect(diff.itlMs.meanAbsoluteDifference).toBeLessThan(1e-12);
    expect(diff.ttftMs.compared).toBe(diff.ttftMs.of - 1);
    expect(diff.ttftMs.meanAbsoluteDifference).toBeGreaterThan(0);
    expect(diff.ttftMs.meanAbsoluteDifference).toBeLessThan(0.02);
  });

  it("compares loads by tokens when the capacities differ", () => {
    const roomier = structuredClone(profile);
    roomier.decode.maxKvTokens *= 2;
    roomier.decode.kvUsage = roomier.decode.kvUsage.map((share) => share / 2);
    const diff = diffProfiles(profile, roomier);
    expect(diff.maxKvTokens.b).toBe(2 * diff.maxKvTokens.a);
    expect(diff.itlMs.meanAbsoluteDifference).toBeLessThan(1e-9);
  });

  it("names what their provenance says differently", () => {
    const other = structuredClone(profile);
    other.name = "other";
    other.provenance.gpu = "b200";
    delete other.provenance.backend;
    expect(diffProfiles(profile, other).provenance).toEqual([
      { key: "name", a: profile.name, b: "other" },
      { key: "gpu", a: profile.provenance.gpu, b: "b200" },
      { key: "backend", a: profile.provenance.backend, b: null },
    ]);
  });
});
