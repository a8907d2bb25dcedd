import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#common";
import {
  encodeNpz,
  encodeProfileJson,
  loadProfile,
  type Npz,
  openNpz,
  type Profile,
  saveJsonPair,
  saveProfileJson,
  saveResultsFolder,
  shippedProfiles,
} from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";

const profile: Profile = {
  name: "tiny",
  prefill: { isl: [100, 900, 2100.5], ttftMs: [10.25, 30, 70], throughputPerGpu: [9756.1, 30_000, 30_007.1] },
  decode: {
    kvUsage: [0.001, 0.5, 0.9, 0.002, 0.5, 0.9],
    contextLength: [350, 350, 350, 700, 700, 700],
    itlMs: [5, 20, 30, 5.5, 12, 17],
    throughputPerGpu: [571, 71_000, 85_000, 500, 59_000, 75_000],
    maxKvTokens: 1_000_000,
  },
  provenance: {
    model: "m/x",
    gpu: "h200",
    backend: "vllm",
    backendVersion: "1",
    parallelism: "tp1",
    gpusPerPrefillEngine: 1,
    gpusPerDecodeEngine: 2,
    kvBytesPerToken: 131_072,
    prefillStartupMs: 41_500,
    decodeStartupMs: 63_000,
    source: "measured",
    date: "2026-01-02",
    tool: "t 1",
    note: "n [1, 2]",
  },
};

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-profiles-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function errorOf(path: string): UserError {
  try {
    loadProfile(path);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("expected a UserError");
}

describe("a profile", () => {
  it("comes back from profile.json whole, provenance included", () => {
    const [path] = saveProfileJson(profile, join(folder, "own", "profile.json"));
    expect(loadProfile(path!)).toEqual(profile);
    expect(loadProfile(join(folder, "own"))).toEqual(profile);
  });

  it("comes back from the profiler's results folder, named by folder or by either file", () => {
    const results = join(folder, "results");
    const files = saveResultsFolder(profile, results);
    for (const path of [results, ...files]) {
      expect(loadProfile(path)).toEqual({ ...profile, name: "results", provenance: {} });
    }
  });

  it("comes back from the ConfigMap's two JSON files, named by folder or by either file", () => {
    const pair = join(folder, "pair");
    const files = saveJsonPair(profile, pair);
    for (const path of [pair, ...files]) {
      expect(loadProfile(path)).toEqual({ ...profile, name: "pair", provenance: {} });
    }
  });

  it("is read from one document with both halves: as objects, or as a ConfigMap's strings", () => {
    const prefill = JSON.stringify({ prefill_isl: [100], prefill_ttft: [9], prefill_thpt_per_gpu: [11111] });
    const decode = JSON.stringify({
      x_kv_usage: [0.5],
      y_context_length: [300],
      z_itl: [8],
      z_thpt_per_gpu: [9],
      max_kv_tokens: 5000,
    });
    const parts = { "prefill_raw_data.json": prefill, "decode_raw_data.json": decode };
    const asStrings = write("configmap.json", JSON.stringify({ kind: "ConfigMap", data: parts }));
    const objects = { "prefill_raw_data.json": JSON.parse(prefill), "decode_raw_data.json": JSON.parse(decode) };
    const asObjects = write("bundle.json", JSON.stringify({ source: "somewhere", ...objects }));
    expect(loadProfile(asStrings).decode.maxKvTokens).toBe(5000);
    expect(loadProfile(asObjects)).toMatchObject({ name: "bundle", provenance: { note: "somewhere" } });
  });

  it("has its prefill samples in ascending order, whatever the file's", () => {
    const shuffled = { ...profile.prefill, isl: [900, 2100.5, 100], ttftMs: [30, 70, 10.25] };
    const path = write("shuffled.json", encodeProfileJson({ ...profile, prefill: shuffled }));
    expect(loadProfile(path).prefill).toMatchObject({ isl: [100, 900, 2100.5], ttftMs: [10.25, 30, 70] });
  });

  it("keeps what JSON has no words for, for those who want to look at it", () => {
    const broken = { ...profile, prefill: { ...profile.prefill, ttftMs: [Number.NaN, Number.POSITIVE_INFINITY, 70] } };
    const path = write("nan.json", encodeProfileJson(broken));
    expect(loadProfile(path, { allowUnsound: true }).prefill.ttftMs).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      70,
    ]);
    expect(errorOf(path)).toMatchObject({ code: "PROFILES_UNSOUND", where: path, exitCode: 2 });
    expect(errorOf(path).message).toContain("NaN at 100 tokens, Infinity at 900 tokens");
  });

  it("is read from JSON with the bare NaN that Python writes", () => {
    const path = write("bare.json", encodeProfileJson(profile).replace("10.25", "NaN"));
    expect(loadProfile(path, { allowUnsound: true }).prefill.ttftMs[0]).toBeNaN();
  });
});

describe("shipped profiles", () => {
  it("load by name, with provenance", () => {
    expect(shippedProfiles().length).toBeGreaterThanOrEqual(6);
    for (const name of shippedProfiles()) {
      const shipped = loadProfile(name);
      expect(shipped.name).toBe(name);
      expect(shipped.provenance.model).toBeTruthy();
    }
  });

  it("are suggested where a name is nearly right, and listed where it is not", () => {
    const [first] = shippedProfiles();
    expect(errorOf(`${first}x`)).toMatchObject({ code: "PROFILES_UNKNOWN_NAME", hint: `did you mean "${first}"?` });
    expect(errorOf("zzz").hint).toContain(first);
  });

  it("are not looked for outside their folder", () => {
    expect(errorOf("../data").code).toBe("PROFILES_NOT_FOUND");
  });
});

describe("a file that is no profile", () => {
  const own = (change: (text: string) => string): string => change(encodeProfileJson(profile));
  const npzOf = (arrays: Record<string, number[]>): Uint8Array =>
    encodeNpz(
      Object.fromEntries(
        Object.entries(arrays).map(([key, data]) => [key, { dtype: "<f8", shape: [data.length], data }]),
      ),
    );
  const broken: [string, string, string | Uint8Array, string, RegExp | string][] = [
    ["empty", "e.json", "", "PROFILES_JSON_SYNTAX", /e\.json:1/],
    [
      "JSON with a slip",
      "s.json",
      own((text) => text.replace('"isl":', '"isl"')),
      "PROFILES_JSON_SYNTAX",
      /s\.json:22:11$/,
    ],
    ["no object", "n.json", "[1, 2]", "PROFILES_BAD_VALUE", /n\.json:\$$/],
    ["something else", "o.json", '{"apiVersion": "v1"}', "PROFILES_UNKNOWN_FORMAT", /o\.json$/],
    [
      "without a key",
      "k.json",
      own((text) => text.replace('"itlMs"', '"itlMS"')),
      "PROFILES_MISSING_KEY",
      /\$\.decode$/,
    ],
    [
      "with text for a number",
      "t.json",
      own((text) => text.replace("10.25", '"x"')),
      "PROFILES_BAD_VALUE",
      /\$\.prefill\.ttftMs\[0\]$/,
    ],
    [
      "with a sample too few",
      "l.json",
      own((text) => text.replace("10.25, ", "")),
      "PROFILES_LENGTH_MISMATCH",
      /\$\.prefill$/,
    ],
    [
      "with a negative length",
      "i.json",
      own((text) => text.replace("[100,", "[-1,")),
      "PROFILES_BAD_VALUE",
      /ISL of sample 0$/,
    ],
    [
      "without KV capacity",
      "c.json",
      own((text) => text.replace("1000000", "0")),
      "PROFILES_BAD_VALUE",
      /max_kv_tokens$/,
    ],
    [
      "from the future",
      "v.json",
      own((text) => text.replace('"version": 1', '"version": 2')),
      "PROFILES_BAD_VALUE",
      /\$\.version$/,
    ],
    [
      "of an unknown source",
      "u.json",
      own((text) => text.replace('"measured"', '"guessed"')),
      "PROFILES_BAD_VALUE",
      /\$\.provenance\.source$/,
    ],
    ["negative throughput", "g.json", own((text) => text.replace("71000", "-71000")), "PROFILES_UNSOUND", /g\.json$/],
    ["an npz of something else", "x.npz", npzOf({ y: [1] }), "PROFILES_UNKNOWN_FORMAT", /x\.npz$/],
    [
      "half a results folder",
      "h/selected_prefill_interpolation/raw_data.npz",
      npzOf({ prefill_isl: [1] }),
      "PROFILES_MISSING_KEY",
      /h$/,
    ],
    ["bytes", "b.npz", new Uint8Array([1, 2, 3]), "PROFILES_NPZ_DAMAGED", /b\.npz$/],
  ];

  it.each(broken)("%s is refused with its place", (_, name, content, code, where) => {
    const error = errorOf(write(name, content));
    expect(error).toMatchObject({ code, exitCode: 2 });
    expect(error.where).toMatch(where);
  });

  it("samples of no number, none, or too many are refused", () => {
    const prefill = (isl: number[]): Uint8Array =>
      npzOf({
        prefill_isl: isl,
        prefill_ttft: isl.map(() => 1),
        prefill_thpt_per_gpu: isl.map(() => 1),
        x_kv_usage: [0.5],
        y_context_length: [100],
        z_itl: [1],
        z_thpt_per_gpu: [1],
        max_kv_tokens: [1000],
      });
    expect(loadProfile(write("all.npz", prefill([1, 2]))).prefill.isl).toEqual([1, 2]);
    expect(errorOf(write("many.npz", prefill(Array.from({ length: 10_001 }, (_, i) => i)))).code).toBe(
      "PROFILES_TOO_MANY_SAMPLES",
    );
    expect(errorOf(write("none.npz", prefill([]))).code).toBe("PROFILES_EMPTY");
    expect(errorOf(write("nan.npz", prefill([1, Number.NaN]))).code).toBe("PROFILES_BAD_VALUE");
  });

  it("a folder without profile data names what belongs there", () => {
    mkdirSync(join(folder, "void"));
    expect(errorOf(join(folder, "void"))).toMatchObject({ code: "PROFILES_UNKNOWN_FORMAT" });
    expect(errorOf(join(folder, "void")).hint).toContain("selected_prefill_interpolation/raw_data.npz");
  });

  it("a device without end, or a file too large, is not read to the end", () => {
    expect(errorOf("/dev/zero").code).toBe("PROFILES_TOO_LARGE");
    const path = write("large.npz", "");
    truncateSync(path, 11 * 2 ** 30);
    expect(errorOf(path).code).toBe("PROFILES_TOO_LARGE");
  });

  it("a path that does not exist is said not to exist", () => {
    expect(errorOf(join(folder, "nowhere.npz")).code).toBe("PROFILES_NOT_FOUND");
  });
});

describeWithReference("profiles that the profiler wrote", () => {
  const measured = referencePath("profiles", "h200-llama31-8b-fp8-tp1");

  it("are read as npz and as JSON with equal samples", () => {
    const npz = loadProfile(measured);
    const json = loadProfile(referencePath("planner", "profiles", "h200_llama31_8b_fp8_tp1.json"));
    expect({ prefill: npz.prefill, decode: npz.decode }).toEqual({ prefill: json.prefill, decode: json.decode });
    expect(npz.decode.itlMs).toHaveLength(41);
    expect(npz.decode.maxKvTokens).toBe(945_029);
  });

  it("are written back with the same arrays and types", () => {
    saveResultsFolder(loadProfile(measured), join(folder, "copy"));
    for (const part of ["prefill", "decode"]) {
      const [original, copy] = [measured, join(folder, "copy")].map((results) => {
        const path = join(results, `selected_${part}_interpolation`, "raw_data.npz");
        return openNpz(readFileSync(path), path);
      }) as [Npz, Npz];
      expect(copy.keys).toEqual(original.keys);
      for (const key of original.keys) expect(copy.get(key), key).toEqual(original.get(key));
    }
  });
});
