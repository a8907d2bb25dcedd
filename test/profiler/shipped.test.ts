import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSurface, loadProfile, type Profile, shippedProfiles, validateProfile } from "#profiles";
import { AICONFIGURATOR_PACKAGES, type AiconfiguratorClient, engineLayout, startAiconfigurator } from "#src/estimator";
import { prefillIsls } from "#src/profiler";
import { SHIPPED_PROFILES, SHIPPED_SAMPLING } from "../../scripts/profile-recipes.ts";
import { describeWithPython } from "../tools.ts";

const names = SHIPPED_PROFILES.map(({ name }) => name);

/** ITL over growing load, one list a context length. */
function scanLines({ decode }: Profile): number[][] {
  const lines = new Map<number, number[]>();
  decode.contextLength.forEach((context, i) => {
    lines.set(context, [...(lines.get(context) ?? []), decode.itlMs[i]!]);
  });
  return [...lines.values()];
}

it("has a recipe for every shipped profile", () => {
  expect(shippedProfiles()).toEqual([...names].sort());
});

describe.each(names)("%s", (name) => {
  const profile = loadProfile(name);
  const recipe = SHIPPED_PROFILES.find((known) => known.name === name)!;

  it("says where it comes from", () => {
    const gpus = engineLayout(recipe.engine.parallelism).gpus;
    expect(profile.provenance).toMatchObject({
      model: recipe.engine.model,
      gpu: recipe.gpu,
      backend: recipe.engine.backend,
      parallelism: recipe.engine.parallelism,
      gpusPerPrefillEngine: gpus,
      gpusPerDecodeEngine: gpus,
      source: "estimated",
      tool: expect.stringMatching(/^llm-understudy \S+ with aiconfigurator 0\.12\.0$/),
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      note: expect.stringMatching(/sanitised|capped|lowered/),
    });
    expect(profile.provenance.backendVersion).toMatch(/\d/);
    expect(profile.provenance.kvBytesPerToken).toBeGreaterThan(0);
  });

  it("validates without a finding", () => {
    expect(validateProfile(profile)).toEqual([]);
  });

  it("grows with the work: TTFT over prompt length, ITL over load and over context at one request", () => {
    expect(profile.prefill.isl).toEqual(prefillIsls(SHIPPED_SAMPLING.maxContext, SHIPPED_SAMPLING.prefillGranularity));
    const lines = scanLines(profile);
    expect(lines).toHaveLength(SHIPPED_SAMPLING.decodeGranularity);
    for (const times of [profile.prefill.ttftMs, ...lines]) expect(times).toEqual([...times].sort((a, b) => a - b));
    // Measured attention kernels scatter by a few tenths of a percent where they take next to no time.
    const single = lines.map((line) => line[0]!);
    single.forEach((itlMs, i) => {
      expect(itlMs).toBeGreaterThan(0.99 * Math.max(...single.slice(0, i + 1)));
    });
  });

  it("derives throughput from times and GPUs", () => {
    const { prefill, decode } = profile;
    const gpus = profile.provenance.gpusPerDecodeEngine!;
    decode.itlMs.forEach((itlMs, i) => {
      const requests = Math.round((decode.kvUsage[i]! * decode.maxKvTokens) / decode.contextLength[i]!);
      expect(decode.throughputPerGpu[i]! / ((requests * 1000) / itlMs / gpus)).toBeCloseTo(1, 6);
    });
    prefill.ttftMs.forEach((ttftMs, i) => {
      expect(prefill.throughputPerGpu[i]! / ((prefill.isl[i]! * 1000) / ttftMs / gpus)).toBeCloseTo(1, 6);
    });
  });
});

await describeWithPython("shipped profiles against the estimator", AICONFIGURATOR_PACKAGES, (python) => {
  let client: AiconfiguratorClient;
  beforeAll(() => {
    client = startAiconfigurator(python);
  });
  afterAll(() => client.close());

  it.each(SHIPPED_PROFILES)("answers a prefill and a decode sample of $name as shipped", async ({ name, engine }) => {
    const { prefill, decode } = loadProfile(name);
    const estimator = await client.open(engine);
    expect(decode.maxKvTokens).toBe(estimator.maxKvTokens);
    // The longest prompt and the largest batch: no bound from above can have changed them.
    const isl = prefill.isl.at(-1)!;
    expect((await estimator.prefillMs(isl)) / prefill.ttftMs.at(-1)!).toBeCloseTo(1, 6);
    const last = decode.itlMs.length - 1;
    const context = decode.contextLength[last]!;
    const requests = Math.round((decode.kvUsage[last]! * decode.maxKvTokens) / context);
    const sample = await estimator.decode(requests, context - 250, 500);
    expect(sample.itlMs / decode.itlMs[last]!).toBeCloseTo(1, 6);
  });

  it.each(SHIPPED_PROFILES)(
    "answers between the samples of $name much as the estimator does",
    async ({ name, engine }) => {
      const surface = buildSurface(loadProfile(name));
      const estimator = await client.open(engine);
      const differences: number[] = [];
      for (const isl of [350, 1300, 2900, 5100, 8100, 12_300]) {
        differences.push(surface.ttftMs(isl) / (await estimator.prefillMs(isl)) - 1);
        for (const load of [0.07, 0.35, 0.8]) {
          const requests = Math.ceil(load * Math.min(2000, estimator.maxKvTokens / (isl + 500)));
          const { itlMs } = await estimator.decode(requests, isl, 500);
          differences.push(surface.itlMs((requests * (isl + 250)) / estimator.maxKvTokens, isl + 250) / itlMs - 1);
        }
      }
      const mean = differences.reduce((sum, difference) => sum + Math.abs(difference), 0) / differences.length;
      expect(mean).toBeLessThan(0.05);
    },
  );
});
