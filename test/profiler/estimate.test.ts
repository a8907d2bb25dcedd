import { expect, it } from "vitest";
import type { EngineEstimator } from "#src/estimator";
import { engineLayout } from "#src/estimator";
import { estimateProfile } from "#src/profiler";

/** An engine whose times are simple formulas, with a slow smallest batch and a slow shortest prompt. */
function formulaEngine(parallelism: string, slowSmallest = 1): EngineEstimator {
  const layout = engineLayout(parallelism);
  const maxKvTokens = 60_000;
  return {
    facts: {
      layout,
      backendVersion: "1.2.3",
      quantization: {},
      memoryFraction: 0.9,
      maxKvTokens,
      kvBytesPerToken: 131_072,
      source: "formulas",
    },
    maxKvTokens,
    adjustments: [],
    prefillMs: async (isl) => (5 + isl / 100) * (isl === 100 ? slowSmallest : 1),
    decode: async (batch, isl) => {
      const itlMs = (4 + batch / 10 + (batch * isl) / 1e5) * (batch === layout.attentionDp ? slowSmallest : 1);
      return { itlMs, throughputPerGpu: (batch * 1000) / itlMs / layout.gpus };
    },
  };
}

const options = { name: "formulas", maxContext: 4096, provenance: { model: "m", note: "made for a test" } };

it("asks for every planned point and derives throughput per GPU from the times", async () => {
  const { profile } = await estimateProfile(formulaEngine("tp2"), options);
  const { prefill, decode } = profile;
  expect(prefill.isl.slice(0, 2)).toEqual([100, 317]);
  expect(prefill.ttftMs[1]).toBeCloseTo(8.17, 6);
  expect(prefill.throughputPerGpu[1]).toBeCloseTo(317_000 / 8.17 / 2, 1);
  expect(decode.contextLength.slice(0, 6)).toEqual([350, 350, 350, 350, 350, 350]);
  expect(decode.kvUsage[5]).toBeCloseTo((350 * 100) / 60_000, 12);
  expect(decode.itlMs[5]).toBeCloseTo(14.1, 6);
  expect(decode.throughputPerGpu[5]).toBeCloseTo(100_000 / 14.1 / 2, 1);
  expect(decode.maxKvTokens).toBe(60_000);
});

it("counts a prompt for each attention rank in prefill throughput, and samples multiples of the ranks", async () => {
  const { profile } = await estimateProfile(formulaEngine("dep4"), options);
  expect(profile.prefill.throughputPerGpu[1]).toBeCloseTo(317_000 / 8.17, 1);
  const requests = profile.decode.kvUsage.map((usage, i) => (usage * 60_000) / profile.decode.contextLength[i]!);
  for (const count of requests) expect(Math.round(count) % 4).toBe(0);
});

it("lowers a time that a larger pass undercuts, and says so", async () => {
  const { profile } = await estimateProfile(formulaEngine("tp1", 3), options);
  expect(profile.prefill.ttftMs[0]).toBe(profile.prefill.ttftMs[1]);
  expect(profile.prefill.ttftMs[0]).toBeCloseTo(8.17, 6);
  expect(profile.provenance.note).toMatch(/^made for a test; 1 of 17 TTFT samples lowered .* at most by 54\.6 %/);
  const asAsked = await estimateProfile(formulaEngine("tp1", 3), { ...options, sanitise: false });
  expect(asAsked.profile.prefill.ttftMs[0]).toBeCloseTo(18, 6);
  expect(asAsked.profile.provenance.note).toBe("made for a test");
});

it("bounds each context length by its own loads alone", async () => {
  const { profile } = await estimateProfile(formulaEngine("tp1"), options);
  const firstLoads = profile.decode.itlMs.filter(
    (_, i) => i === 0 || profile.decode.contextLength[i] !== profile.decode.contextLength[i - 1],
  );
  expect(firstLoads[1]).toBeGreaterThan(firstLoads[0]!);
  expect(profile.provenance.note).toBe("made for a test; sanitised: nothing needed a change");
});

it("records the estimator's facts as provenance", async () => {
  const { profile } = await estimateProfile(formulaEngine("tep4"), options);
  expect(profile.provenance).toMatchObject({
    model: "m",
    backendVersion: "1.2.3",
    gpusPerPrefillEngine: 4,
    gpusPerDecodeEngine: 4,
    kvBytesPerToken: 131_072,
    source: "estimated",
  });
});
