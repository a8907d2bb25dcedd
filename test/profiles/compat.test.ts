import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { buildSurface, loadProfile, type Profile } from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";

interface InterpCases {
  profile: string;
  prefill: { isl: number; ttft_ms: number; thpt_per_gpu: number }[];
  decode: { concurrency: number; context_length: number; itl_ms: number; thpt_per_gpu: number }[];
  find_best: {
    itl_ms: number;
    context_length: number;
    thpt_per_gpu: number;
    actual_itl_ms: number;
    kv_usage: number;
  }[];
}

interface GridCase {
  profile: string;
  x: number[];
  y: number[];
  itl_ms: number[][];
  thpt_per_gpu: number[][];
}

function readJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(referencePath(...parts), "utf8")) as T;
}

function expectClose(found: number, expected: number, where: string): void {
  const error = Math.abs(found - expected);
  const allowed = Math.max(1e-9 * Math.abs(expected), 1e-9);
  if (!(error <= allowed)) expect.fail(`${where}: found ${found}, expected ${expected}`);
}

describeWithReference("compat surfaces against the reference planner", () => {
  for (const file of readdirSync(referencePath("planner", "interp"))) {
    const profile = loadProfile(referencePath("planner", "profiles", file));
    const surface = buildSurface(profile, "compat");

    it(`look up every given point of ${file} within 1e-9`, () => {
      const cases = readJson<InterpCases>("planner", "interp", file);
      expect(cases.prefill.length + cases.decode.length + cases.find_best.length).toBeGreaterThan(100);
      for (const { isl, ttft_ms, thpt_per_gpu } of cases.prefill) {
        expectClose(surface.ttftMs(isl), ttft_ms, `ttft(${isl})`);
        expectClose(surface.prefillThroughputPerGpu(isl), thpt_per_gpu, `thpt(${isl})`);
      }
      for (const { concurrency, context_length, itl_ms, thpt_per_gpu } of cases.decode) {
        const kvUsage = (concurrency * context_length) / profile.decode.maxKvTokens;
        expectClose(surface.itlMs(kvUsage, context_length), itl_ms, `itl(${kvUsage}, ${context_length})`);
        expectClose(surface.decodeThroughputPerGpu(kvUsage, context_length), thpt_per_gpu, `thpt(${kvUsage})`);
      }
      for (const { itl_ms, context_length, ...best } of cases.find_best) {
        const found = surface.bestThroughputPerGpu(itl_ms, context_length);
        expectClose(found.throughputPerGpu, best.thpt_per_gpu, `best(${itl_ms}, ${context_length})`);
        expectClose(found.itlMs, best.actual_itl_ms, `itl of best(${itl_ms}, ${context_length})`);
        expectClose(found.kvUsage, best.kv_usage, `kv of best(${itl_ms}, ${context_length})`);
      }
    });

    it(`fill all 10 000 cells of ${file} as the reference does, within 1e-9`, () => {
      const grid = readJson<GridCase>("planner", "grids", file);
      grid.y.forEach((context, iy) => {
        grid.x.forEach((kvUsage, ix) => {
          expectClose(surface.itlMs(kvUsage, context), grid.itl_ms[iy]![ix]!, `itl [${iy}][${ix}]`);
          expectClose(
            surface.decodeThroughputPerGpu(kvUsage, context),
            grid.thpt_per_gpu[iy]![ix]!,
            `throughput [${iy}][${ix}]`,
          );
        });
      });
    });
  }

  it("give the published anchors of the H200 profile", () => {
    const surface = buildSurface(loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1")), "compat");
    expectClose(surface.ttftMs(3000), 60.45866867507648, "ttft(3000)");
    expectClose(surface.prefillThroughputPerGpu(3000), 49481.093527696125, "thpt(3000)");
    const best = surface.bestThroughputPerGpu(10, 3150);
    expectClose(best.throughputPerGpu, 4555.680366094516, "throughput of best(10, 3150)");
    expectClose(best.itlMs, 9.734410226340245, "ITL of best(10, 3150)");
    expect(best.kvUsage).toBeCloseTo(0.16161616, 8);
  });
});

describe("compat surfaces", () => {
  const profile: Profile = {
    name: "hand-made",
    provenance: {},
    prefill: { isl: [0, 1, 2, 3, 4], ttftMs: [1, 2, 9, 28, 65], throughputPerGpu: [5, 5, 5, 5, 5] },
    decode: {
      kvUsage: [0, 1, 0, 1],
      contextLength: [99, 99, 198, 198],
      itlMs: [10, 20, 30, 40],
      throughputPerGpu: [1, 2, 3, 4],
      maxKvTokens: 1000,
    },
  };

  it("reproduce a cubic exactly, and clamp outside the measured lengths", () => {
    const surface = buildSurface(profile, "compat");
    expect(surface.ttftMs(2.5)).toBeCloseTo(1 + 2.5 ** 3, 12);
    expect(surface.ttftMs(-5)).toBe(1);
    expect(surface.ttftMs(1e9)).toBeCloseTo(65, 12);
  });

  it("round table positions half to even, as Python does", () => {
    const surface = buildSurface(profile, "compat");
    const half = 0.5 / 99;
    expect(surface.itlMs(half, 99)).toBe(surface.itlMs(0, 99));
    expect(surface.itlMs(3 * half, 99)).toBe(surface.itlMs(2 / 99, 99));
    expect(surface.itlMs(3 * half, 99)).not.toBe(surface.itlMs(1 / 99, 99));
  });

  it("refuse a load that is not a number", () => {
    expect(() => buildSurface(profile, "compat").itlMs(Number.NaN, 99)).toThrow(RangeError);
  });

  it("say which profile has too few points", () => {
    const poor = { ...profile, prefill: { isl: [1, 2], ttftMs: [1, 2], throughputPerGpu: [1, 1] } };
    expect(() => buildSurface(poor, "compat").ttftMs(1)).toThrow(/found 2 usable samples, expected at least 4/);
    const line = {
      ...profile,
      decode: { ...profile.decode, contextLength: [9, 9, 9, 9], kvUsage: [0, 0.1, 0.2, 0.3] },
    };
    expect(() => buildSurface(line, "compat").itlMs(0.1, 9)).toThrow(/do not lie on one line/);
  });
});
