import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadProfile, shippedProfiles } from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";

function profiles(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["src/cli/main.ts", "profiles", ...args], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

const H200 = "h200-llama-3.1-8b-fp8-tp1-estimate";
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-profiles-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A file of the H200 profile with a change to its text. */
function changed(name: string, from: string | RegExp, to: string): string {
  const text = readFileSync(join("profiles", "data", H200, "profile.json"), "utf8");
  const path = join(folder, name);
  writeFileSync(path, text.replace(from, to));
  expect(readFileSync(path, "utf8")).not.toBe(text);
  return path;
}

describe("understudy profiles list", () => {
  it("names every shipped profile, for people and machines", () => {
    const { stdout } = profiles("list");
    for (const name of shippedProfiles()) expect(stdout).toContain(name);
    const rows = JSON.parse(profiles("list", "--json").stdout) as { name: string; model: string }[];
    expect(rows.map((row) => row.name)).toEqual(shippedProfiles());
  });
});

describe("understudy profiles inspect", () => {
  it("says what the engines of a profile can do at a load", () => {
    const { status, stdout } = profiles("inspect", H200, "--isl", "3000", "--osl", "300", "--itl", "10", "20");
    expect(status).toBe(0);
    expect(stdout).toMatch(/KV capacity +946339 tokens/);
    expect(stdout).toMatch(/prefill: TTFT [\d.]+ ms, \d+ tokens\/s and [\d.]+ requests\/s per GPU/);
    expect(stdout).toMatch(/^ +10 ms +10 ms/m);
    expect(stdout).toMatch(/^ +20 ms +20 ms/m);
  });

  it("refuses a profile with errors, in one message with exit code 2", () => {
    const { status, stdout, stderr } = profiles("inspect", changed("negative.json", /("ttftMs": \[)/, "$1-"));
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(
      /^error: .*negative\.json: TTFT is not a positive number of ms: -[\d.]+ at 100 tokens.*\n {2}hint: .*\n$/,
    );
  });

  it("suggests the name that was meant", () => {
    const { status, stderr } = profiles("inspect", H200.replace("llama", "lama"));
    expect(status).toBe(2);
    expect(stderr).toContain(`did you mean "${H200}"?`);
  });

  it("refuses a length that is none", () => {
    expect(profiles("inspect", H200, "--isl", "-3")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--isl"),
    });
  });
});

describe("understudy profiles validate", () => {
  it("has nothing to object to in shipped profiles", () => {
    const { status, stdout } = profiles("validate", "--strict", ...shippedProfiles());
    expect({ status, lines: stdout.trim().split("\n") }).toEqual({
      status: 0,
      lines: shippedProfiles().map((name) => `${name}: nothing to object to`),
    });
  });

  it("tells errors (2), warnings with --strict (1) and warnings (0) apart by the exit code", () => {
    const broken = changed("nan.json", /("itlMs": \[)/, '$1"NaN", ');
    expect(profiles("validate", broken).status).toBe(2);
    const negative = changed("negative.json", /("itlMs": \[)/, "$1-");
    const { status, stdout } = profiles("validate", H200, negative);
    expect(status).toBe(2);
    expect(stdout).toMatch(/error +ITL is not a positive number of ms: .*\[ITL_NOT_POSITIVE\]\n +→ /);
    expect(profiles("validate", H200, "--decode-gpus", "4").status).toBe(0);
    expect(profiles("validate", H200, "--decode-gpus", "4", "--strict").status).toBe(1);
  });

  it("prints findings as JSON", () => {
    const results = JSON.parse(profiles("validate", H200, "--prefill-gpus", "2", "--json").stdout) as {
      profile: string;
      findings: { code: string; severity: string; message: string; advice: string }[];
    }[];
    expect(results).toHaveLength(1);
    expect(results[0]!.findings.map(({ code }) => code)).toEqual(["PREFILL_THROUGHPUT_WRONG_GPUS"]);
  });
});

describe("understudy profiles convert", () => {
  it("goes round through all four formats without losing a bit of the samples", () => {
    const original = loadProfile(H200);
    let from = H200;
    for (const [target, format] of [
      ["results", "results"],
      ["pair", "json-pair"],
      ["own.json", "profile"],
    ] as const) {
      const path = join(folder, "round", target);
      const { status, stdout } = profiles("convert", from, path, "--to", format);
      expect(status).toBe(0);
      for (const file of stdout.trim().split("\n")) expect(existsSync(file), file).toBe(true);
      expect(loadProfile(path)).toMatchObject({ prefill: original.prefill, decode: original.decode });
      from = path;
    }
    expect(profiles("convert", from, join(folder, "round", "table.npz"), "--resolution", "30").status).toBe(0);
    expect(loadProfile(join(folder, "round", "table.npz")).provenance.source).toBe("converted");
  });

  it("writes what the flags say of the origin", () => {
    const path = join(folder, "origin.json");
    profiles(
      "convert",
      H200,
      path,
      "--name",
      "mine",
      "--model",
      "m",
      "--gpu",
      "g",
      "--backend",
      "b",
      "--decode-gpus",
      "1",
    );
    expect(loadProfile(path)).toMatchObject({ name: "mine", provenance: { model: "m", gpu: "g", backend: "b" } });
  });

  it("divides throughput by the GPUs that an engine has, on demand", () => {
    const path = join(folder, "fixed.json");
    expect(
      profiles("convert", H200, path, "--prefill-gpus", "2", "--decode-gpus", "2", "--fix-throughput").status,
    ).toBe(0);
    const [before, after] = [loadProfile(H200), loadProfile(path)];
    expect(after.decode.throughputPerGpu[5]).toBe(before.decode.throughputPerGpu[5]! / 2);
    expect(after.prefill.throughputPerGpu[5]).toBe(before.prefill.throughputPerGpu[5]! / 2);
    expect(profiles("validate", "--strict", path).status).toBe(0);
  });

  it("says that GPUs are needed where nothing tells them", () => {
    const results = join(folder, "round", "results");
    const { status, stderr } = profiles("convert", results, join(folder, "x.json"), "--fix-throughput");
    expect(status).toBe(2);
    expect(stderr).toContain("--prefill-gpus");
  });

  it("does not put a file where a folder is, nor the other way round", () => {
    expect(profiles("convert", H200, folder, "--to", "profile")).toMatchObject({ status: 2 });
    expect(profiles("convert", H200, changed("file.json", "H200", "H201"), "--to", "results")).toMatchObject({
      status: 2,
    });
  });
});

describe("understudy profiles diff", () => {
  it("finds a profile equal to itself", () => {
    const { status, stdout } = profiles("diff", H200, H200, "--fail-above", "0.001");
    expect(status).toBe(0);
    expect(stdout).toContain("equal");
  });

  it("fails where the difference is above the limit", () => {
    const other = "h100-llama-3.1-8b-fp8-tp1-estimate";
    expect(profiles("diff", H200, other, "--fail-above", "90").status).toBe(0);
    const { status, stdout } = profiles("diff", H200, other, "--fail-above", "5");
    expect(status).toBe(1);
    expect(stdout).toMatch(/gpu +H200 SXM +H100 SXM/);
    expect(stdout).toMatch(/KV capacity: 946339 → 496598 tokens/);
  });
});

describe("understudy profiles plot", () => {
  it("draws four pictures, as SVG and PNG", () => {
    const { status, stdout } = profiles("plot", H200, "-o", join(folder, "plots"));
    expect(status).toBe(0);
    const files = stdout.trim().split("\n");
    expect(files).toHaveLength(8);
    for (const file of files) {
      const bytes = readFileSync(file);
      expect(bytes.subarray(0, 4).toString("latin1")).toBe(file.endsWith(".png") ? "\x89PNG" : "<svg");
      expect(bytes.length).toBeGreaterThan(2000);
    }
  });
});

describeWithReference("understudy profiles, on measured profiles", () => {
  it("gives the published capacity per GPU at 3000/300 with an ITL of 10 ms", () => {
    const path = referencePath("profiles", "h200-llama31-8b-fp8-tp1");
    const { stdout } = profiles("inspect", path, "--surface", "compat", "--itl", "10", "--json");
    const { at } = JSON.parse(stdout) as {
      at: { prefillRequestsPerSecondPerGpu: number; decode: { requestsPerSecondPerGpu: number }[] };
    };
    expect(at.prefillRequestsPerSecondPerGpu).toBeCloseTo(16.49, 2);
    expect(at.decode[0]!.requestsPerSecondPerGpu).toBeCloseTo(15.19, 2);
  });
});
