import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { mean } from "#common";
import {
  buildSurface,
  type LeaveOneOutErrors,
  leaveOneOut,
  loadProfile,
  type Profile,
  type Surface,
  unsnappedCompatSurface,
} from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";

const robust = (profile: Profile): Surface => buildSurface(profile, "robust");
const compat = (profile: Profile): Surface => buildSurface(profile, "compat");

describeWithReference("robust surfaces on measurements that they have not seen", () => {
  const paths = ["planner/profiles", "profiles"].flatMap((folder) =>
    readdirSync(referencePath(folder))
      .filter((name) => name.endsWith(".json")) // the npz folder holds a profile that is there as JSON too
      .map((name) => referencePath(folder, name)),
  );
  let results: { name: string; robust: LeaveOneOutErrors; compat: LeaveOneOutErrors; unsnapped: LeaveOneOutErrors }[];
  beforeAll(() => {
    results = paths.map((path) => {
      const profile = loadProfile(path);
      return {
        name: profile.name,
        robust: leaveOneOut(profile, robust),
        compat: leaveOneOut(profile, compat),
        unsnapped: leaveOneOut(profile, unsnappedCompatSurface),
      };
    });
  });

  it("beat compat in ITL and throughput on each profile, with and without its table", () => {
    expect(results.length).toBeGreaterThanOrEqual(5);
    for (const result of results) {
      for (const quantity of ["itl", "decodeThroughput", "prefillThroughput"] as const) {
        const place = `${quantity} on ${result.name}`;
        expect(mean(result.robust[quantity]), place).toBeLessThan(mean(result.compat[quantity]));
        expect(mean(result.robust[quantity]), place).toBeLessThan(mean(result.unsnapped[quantity]));
      }
    }
  });

  it("beat compat in TTFT, in the geometric mean over the profiles", () => {
    const geometricMean = (errors: (result: (typeof results)[number]) => LeaveOneOutErrors): number =>
      Math.exp(mean(results.map((result) => Math.log(mean(errors(result).ttft)))));
    expect(geometricMean((result) => result.robust)).toBeLessThan(0.5 * geometricMean((result) => result.compat));
  });

  it("have the errors that docs/surfaces.md states", () => {
    const tables = readFileSync(new URL("../../docs/surfaces.md", import.meta.url), "utf8").split(
      /^\| (?=TTFT:|ITL:|decode)/m,
    );
    for (const [title, quantity] of [
      ["TTFT:", "ttft"],
      ["ITL:", "itl"],
      ["decode throughput:", "decodeThroughput"],
    ] as const) {
      const table = tables.find((part) => part.startsWith(title))!;
      for (const result of results) {
        const row = table.split("\n").find((line) => line.startsWith(`| ${result.name} |`))!;
        const stated = row
          .split("|")
          .slice(3, 6)
          .map((cell) => Number.parseFloat(cell) / 100);
        const measured = [result.compat, result.unsnapped, result.robust].map((errors) => mean(errors[quantity]));
        stated.forEach((share, i) => {
          expect(Math.abs(share - measured[i]!), `${title} ${row}`).toBeLessThan(0.001);
        });
      }
    }
  });

  it("have the published error of the reference's interpolation as their rival", () => {
    const published = {
      h200_llama31_8b_fp8_tp1: 0.179,
      h100_llama33_70b_fp8_tp4: 0.052,
      h100_llama33_70b_fp8_tp8: 0.042,
    };
    for (const [name, error] of Object.entries(published)) {
      expect(mean(results.find((result) => result.name === name)!.unsnapped.itl)).toBeCloseTo(error, 3);
    }
  });
});

describe("leaving one sample out", () => {
  it("asks surfaces that have not seen the sample, and gives their relative error", () => {
    const profile: Profile = {
      name: "hand-made",
      provenance: {},
      prefill: { isl: [1, 2], ttftMs: [10, 40], throughputPerGpu: [5, 5] },
      decode: { kvUsage: [0.5], contextLength: [100], itlMs: [8], throughputPerGpu: [2], maxKvTokens: 1000 },
    };
    // A surface that knows only the means of what it was given.
    const errors = leaveOneOut(profile, ({ prefill, decode }) => ({
      ...buildSurface(profile, "compat"),
      ttftMs: () => mean(prefill.ttftMs),
      prefillThroughputPerGpu: () => mean(prefill.throughputPerGpu),
      itlMs: () => 10 + decode.itlMs.length,
      decodeThroughputPerGpu: () => 1,
    }));
    expect(errors).toEqual({ ttft: [3, 0.75], prefillThroughput: [0, 0], itl: [0.25], decodeThroughput: [0.5] });
  });
});
