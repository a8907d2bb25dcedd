import { describe, expect, it } from "vitest";
import {
  type DecodeSamples,
  type Finding,
  loadProfile,
  type PrefillSamples,
  type Profile,
  validateProfile,
} from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";

const contexts = [500, 2000, 4000];
const batches = [1, 10, 20, 40];
const maxKvTokens = 200_000;
const itl = (batch: number, context: number): number => 5 + 0.2 * batch + (20 * batch * context) / maxKvTokens;
const points = contexts.flatMap((context) => batches.map((batch) => ({ context, batch })));
const isl = [100, 1000, 2000, 3000, 4000];

/** A flawless profile of an engine of 2 GPUs. */
const sound: Profile = {
  name: "sound",
  prefill: {
    isl,
    ttftMs: isl.map((tokens) => 10 + tokens / 40),
    throughputPerGpu: isl.map((tokens) => (1000 * tokens) / (10 + tokens / 40) / 2),
  },
  decode: {
    kvUsage: points.map(({ context, batch }) => (batch * context) / maxKvTokens),
    contextLength: points.map(({ context }) => context),
    itlMs: points.map(({ context, batch }) => itl(batch, context)),
    throughputPerGpu: points.map(({ context, batch }) => (1000 * batch) / itl(batch, context) / 2),
    maxKvTokens,
  },
  provenance: { model: "m", gpu: "g", backend: "b", gpusPerPrefillEngine: 2, gpusPerDecodeEngine: 2 },
};

const prefill = (change: (samples: PrefillSamples) => void): Profile => changed((profile) => change(profile.prefill));
const decode = (change: (samples: DecodeSamples) => void): Profile => changed((profile) => change(profile.decode));

function changed(change: (profile: Profile) => void): Profile {
  const profile = structuredClone(sound);
  change(profile);
  return profile;
}

function summary(profile: Profile): string[] {
  return validateProfile(profile).map(({ severity, code }) => `${severity} ${code}`);
}

function finding(profile: Profile, code: string): Finding {
  return validateProfile(profile).find((candidate) => candidate.code === code)!;
}

describe("validation", () => {
  it("finds nothing in a flawless profile", () => {
    expect(validateProfile(sound)).toEqual([]);
  });

  it.each<[string, Profile, string[]]>([
    ["a TTFT of 0", prefill((p) => p.ttftMs.fill(0, 2, 3)), ["error TTFT_NOT_POSITIVE"]],
    ["a TTFT that is no number", prefill((p) => p.ttftMs.fill(Number.NaN, 1, 2)), ["error TTFT_NOT_POSITIVE"]],
    [
      "negative prefill throughput",
      prefill((p) => p.throughputPerGpu.fill(-5, 1, 2)),
      ["error PREFILL_THROUGHPUT_NOT_POSITIVE"],
    ],
    ["an infinite ITL", decode((d) => d.itlMs.fill(Number.POSITIVE_INFINITY, 3, 4)), ["error ITL_NOT_POSITIVE"]],
    [
      "negative decode throughput",
      decode((d) => d.throughputPerGpu.fill(-1, 5, 6)),
      ["error DECODE_THROUGHPUT_NOT_POSITIVE"],
    ],
    [
      "a TTFT outlier",
      prefill((p) => {
        p.ttftMs[1] = 90;
        p.throughputPerGpu[1] = 1000 / 0.09 / 2;
      }),
      ["warning TTFT_NOT_MONOTONE"],
    ],
    [
      "an ITL that falls with load",
      decode((d) => {
        d.itlMs[2] = d.itlMs[3]! * 1.2;
        d.throughputPerGpu[2] = 20_000 / d.itlMs[2] / 2;
      }),
      ["warning ITL_NOT_MONOTONE"],
    ],
    [
      "throughput that TTFT contradicts",
      prefill((p) => p.throughputPerGpu.fill(9e4, 1, 2)),
      ["warning PREFILL_THROUGHPUT_INCONSISTENT"],
    ],
    [
      "three input lengths",
      prefill((p) => {
        for (const values of [p.isl, p.ttftMs, p.throughputPerGpu]) values.length = 3;
      }),
      ["warning PREFILL_TOO_FEW_POINTS"],
    ],
    [
      "a gap between input lengths",
      prefill((p) => {
        for (const values of [p.isl, p.ttftMs, p.throughputPerGpu]) values.splice(3, 1);
        p.isl.splice(1, 1, 300);
        p.ttftMs.splice(1, 1, 10 + 300 / 40);
        p.throughputPerGpu.splice(1, 1, 300_000 / (10 + 300 / 40) / 2);
      }),
      ["warning PREFILL_SPARSE"],
    ],
    [
      "one input length twice",
      prefill((p) => {
        for (const values of [p.isl, p.ttftMs, p.throughputPerGpu]) values.splice(1, 0, values[1]!);
      }),
      ["warning PREFILL_DUPLICATES"],
    ],
    [
      "one load twice",
      decode((d) => {
        for (const values of [d.kvUsage, d.contextLength, d.itlMs, d.throughputPerGpu]) values.push(values[4]!);
      }),
      ["warning DECODE_DUPLICATES"],
    ],
    [
      "one context length",
      decode((d) => {
        for (const values of [d.kvUsage, d.contextLength, d.itlMs, d.throughputPerGpu]) values.length = 4;
      }),
      ["warning DECODE_TOO_FEW_POINTS", "info DECODE_SHORTER_THAN_PREFILL"],
    ],
    [
      "one load at the longest context",
      decode((d) => {
        for (const values of [d.kvUsage, d.contextLength, d.itlMs, d.throughputPerGpu]) values.length = 9;
      }),
      ["warning DECODE_SPARSE"],
    ],
    [
      "a cache fuller than full",
      decode((d) => {
        d.kvUsage[11] = 1.2;
        d.itlMs[11] = 35;
        d.throughputPerGpu[11] = (1000 * 60) / 35 / 2;
      }),
      ["warning KV_USAGE_ABOVE_ONE"],
    ],
    [
      "a KV capacity that is too small",
      decode((d) => {
        d.maxKvTokens = 170_000;
      }),
      ["warning LESS_THAN_ONE_REQUEST"],
    ],
    [
      "requests that queue",
      decode((d) => {
        d.itlMs[3] = d.itlMs[2]! * 1.02;
        d.throughputPerGpu[3] = d.throughputPerGpu[2]! * 1.01;
      }),
      ["warning DECODE_QUEUE_LIMITED"],
    ],
    [
      "throughput of 2 GPUs for an engine of 1",
      changed((profile) => {
        profile.provenance.gpusPerPrefillEngine = 1;
        profile.provenance.gpusPerDecodeEngine = 1;
      }),
      ["warning PREFILL_THROUGHPUT_WRONG_GPUS", "warning DECODE_THROUGHPUT_WRONG_GPUS"],
    ],
    [
      "throughput of 2 GPUs for who knows how many",
      changed((profile) => {
        profile.provenance = { model: "m", gpu: "g", backend: "b" };
      }),
      ["info PREFILL_GPUS_UNKNOWN", "info DECODE_GPUS_UNKNOWN"],
    ],
    [
      "a profile of nobody knows what",
      changed((profile) => {
        delete profile.provenance.gpu;
      }),
      ["info PROVENANCE_INCOMPLETE"],
    ],
  ])("finds %s, and nothing else", (_, profile, expected) => {
    expect(summary(profile)).toEqual(expected);
  });

  it("names the points and says what to do", () => {
    const outlier = finding(
      prefill((p) => p.ttftMs.fill(90, 1, 2)),
      "TTFT_NOT_MONOTONE",
    );
    expect(outlier.message).toBe("longer prompts are faster than these: 90 ms at 1000 tokens");
    expect(outlier.advice).toMatch(/profile these lengths again/);
  });
});

describeWithReference("validation of measured profiles", () => {
  const of = (...parts: string[]): Finding[] => validateProfile(loadProfile(referencePath(...parts)));

  it("finds that the 70B TP4 file divided by 8 GPUs: twice the workers needed", () => {
    const wrong = of("planner", "profiles", "h100_llama33_70b_fp8_tp4.json").filter(({ code }) =>
      code.endsWith("WRONG_GPUS"),
    );
    expect(wrong).toHaveLength(2);
    for (const { message } of wrong) expect(message).toMatch(/divided by 8 GPUs, but an engine has 4.* 2 times/);
  });

  it("finds no wrong GPU count in the TP8 and TP1 files", () => {
    for (const name of ["h100_llama33_70b_fp8_tp8.json", "h200_llama31_8b_fp8_tp1.json"]) {
      expect(of("planner", "profiles", name).filter(({ code }) => code.includes("GPUS"))).toEqual([]);
    }
  });

  it("finds the disturbed TTFT sample of the TP8 file", () => {
    const [found] = of("planner", "profiles", "h100_llama33_70b_fp8_tp8.json").filter(
      ({ code }) => code === "TTFT_NOT_MONOTONE",
    );
    expect(found!.message).toContain("498.2 ms at 6205 tokens");
  });

  it("finds where requests queued at short contexts", () => {
    const [found] = of("profiles", "h200-llama31-8b-fp8-tp1").filter(({ code }) => code === "DECODE_QUEUE_LIMITED");
    expect(found!.message).toMatch(/at 350 tokens$/);
  });
});
