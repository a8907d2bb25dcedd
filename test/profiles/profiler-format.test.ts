import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildSurface, loadProfile, type Profile, saveResultsFolder } from "#profiles";
import { describeWithPython } from "../tools.ts";

const profile = loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate");
const folder = mkdtempSync(join(tmpdir(), "understudy-profiler-format-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

await describeWithPython("the profiler's npz as numpy sees it", ["numpy"], (python) => {
  const inspect = `
import json, sys, zipfile, numpy as np
path = sys.argv[1]
with zipfile.ZipFile(path) as file:
    entries = [[info.filename, info.compress_type] for info in file.infolist()]
data = np.load(path)
print(json.dumps({"entries": entries, "arrays": {k: [data[k].dtype.str, list(data[k].shape), data[k].tolist()] for k in data.files}}))`;
  const read = (path: string) =>
    JSON.parse(execFileSync(python, ["-c", inspect, path], { encoding: "utf8" })) as {
      entries: [string, number][];
      arrays: Record<string, [string, number[], number[]]>;
    };
  const [prefill, decode] = saveResultsFolder(profile, folder).map(read);
  const STORED = 0;

  it("[R103] prefill: prefill_isl, prefill_ttft in ms, prefill_thpt_per_gpu, one-dimensional, in this order", () => {
    const n = profile.prefill.isl.length;
    expect(prefill!.entries).toEqual(
      ["prefill_isl.npy", "prefill_ttft.npy", "prefill_thpt_per_gpu.npy"].map((name) => [name, STORED]),
    );
    expect(prefill!.arrays).toEqual({
      prefill_isl: ["<i8", [n], profile.prefill.isl],
      prefill_ttft: ["<f8", [n], profile.prefill.ttftMs],
      prefill_thpt_per_gpu: ["<f8", [n], profile.prefill.throughputPerGpu],
    });
  });

  it("[R104] decode: x_kv_usage, y_context_length, z_itl in ms, z_thpt_per_gpu, and max_kv_tokens of one element", () => {
    const n = profile.decode.itlMs.length;
    expect(decode!.entries.map(([name]) => name)).toEqual(
      ["x_kv_usage", "y_context_length", "z_itl", "z_thpt_per_gpu", "max_kv_tokens"].map((name) => `${name}.npy`),
    );
    expect(decode!.arrays).toEqual({
      x_kv_usage: ["<f8", [n], profile.decode.kvUsage],
      y_context_length: ["<f8", [n], profile.decode.contextLength],
      z_itl: ["<f8", [n], profile.decode.itlMs],
      z_thpt_per_gpu: ["<f8", [n], profile.decode.throughputPerGpu],
      max_kv_tokens: ["<i8", [1], [profile.decode.maxKvTokens]],
    });
  });
});

describe("data in the profiler's format", () => {
  it("[R105] may be finer than the profiler's own, from anywhere", () => {
    const contexts = Array.from({ length: 23 }, (_, i) => 200 + i * 613);
    const usages = Array.from({ length: 31 }, (_, i) => 0.01 + i * 0.032);
    const points = contexts.flatMap((context) => usages.map((usage) => [usage, context] as const));
    const itl = (usage: number, context: number) => 5 + 20 * usage + (usage / context) * 9000;
    const isl = Array.from({ length: 97 }, (_, i) => 50 + i * 151);
    const fine: Profile = {
      name: "fine",
      prefill: {
        isl,
        ttftMs: isl.map((n) => 8 + n * 0.015),
        throughputPerGpu: isl.map((n) => (n * 1000) / (8 + n * 0.015)),
      },
      decode: {
        kvUsage: points.map(([usage]) => usage),
        contextLength: points.map(([, context]) => context),
        itlMs: points.map(([usage, context]) => itl(usage, context)),
        throughputPerGpu: points.map(([usage, context]) => ((usage * 800_000) / context / itl(usage, context)) * 1000),
        maxKvTokens: 800_000,
      },
      provenance: {},
    };
    const results = join(folder, "fine");
    saveResultsFolder(fine, results);
    for (const family of ["robust", "compat"] as const) {
      const surface = buildSurface(loadProfile(results), family);
      expect(surface.ttftMs(7777)).toBeCloseTo(8 + 7777 * 0.015, 1);
      expect(surface.itlMs(0.4321, 5555) / itl(0.4321, 5555)).toBeCloseTo(1, 2);
    }
  });

  it.each(["h200-llama-3.1-8b-fp8-tp1-estimate", "h100-llama-3.1-70b-fp8-tp4-estimate"])(
    "[R101] %s: ITL grows almost linearly with KV usage at one context length, and faster the shorter the contexts",
    (name) => {
      const surface = buildSurface(loadProfile(name));
      const slope = (context: number) => surface.itlMs(0.8, context) - surface.itlMs(0.2, context);
      const middle = (context: number) => surface.itlMs(0.5, context) - surface.itlMs(0.2, context);
      for (const context of [2000, 4000, 8000, 14_000]) {
        expect(middle(context) / slope(context)).toBeGreaterThan(0.4);
        expect(middle(context) / slope(context)).toBeLessThan(0.6);
      }
      expect(slope(2000)).toBeGreaterThan(slope(4000));
      expect(slope(4000)).toBeGreaterThan(slope(14_000));
    },
  );
});
