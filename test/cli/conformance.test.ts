import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeWithReference, referencePath } from "../reference.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

function run(...args: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "conformance", ...args], {
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr };
}

describeWithReference("understudy conformance dynosim", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-conformance-"));
    const recorded = readFileSync(referencePath("dynosim", "agg_1w_4r_c1.json"), "utf8");
    writeFileSync(join(folder, "good.json"), recorded);
    const altered = JSON.parse(recorded) as { summary: { mean_ttft_ms: number } };
    altered.summary.mean_ttft_ms *= 1.001;
    writeFileSync(join(folder, "bad.json"), JSON.stringify(altered));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("prints a row per case and exits 1 when one fails", () => {
    const { status, stdout } = run("dynosim", folder);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^FAIL {2}bad\.json .*\n {6}summary mean_ttft_ms: .*\npass {2}good\.json {2}largest error .*\n1 passed, 1 failed, 0 skipped\n$/,
    );
  });

  it("exits 0 when all that was asked for passes, and runs both engines on demand", () => {
    const { status, stdout } = run("dynosim", folder, "--only", "good", "--engine", "both");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^pass {2}good\.json \(stepping\) .*\npass {2}good\.json \(skipping\) .*\n2 passed/);
  });

  it("prints one JSON document with --json", () => {
    const { status, stdout } = run("dynosim", folder, "--json");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: "dynosim",
      passed: 1,
      failed: 1,
      skipped: 0,
      rows: [
        { case: "bad.json", passed: false, firstDifference: expect.stringContaining("mean_ttft_ms") },
        { case: "good.json", passed: true, firstDifference: null },
      ],
    });
  });

  it("refuses a pattern that no case matches, and a folder without cases", () => {
    expect(run("dynosim", folder, "--only", "zzz")).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^error: --only: /),
    });
    expect(run("dynosim", referencePath("profiles"))).toMatchObject({ status: 2, stdout: "" });
  });
});

describeWithReference("understudy conformance planner", () => {
  it("prints a row per recorded case", () => {
    const { status, stdout } = run("planner", referencePath("planner"), "--only", "interp");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(pass {2}interp\/.*\n)+\d+ passed, 0 failed, 0 skipped\n$/);
  });
});

describe("understudy conformance", () => {
  it("shows help on stderr without a kind", () => {
    expect(run()).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("dynosim") });
  });
});
