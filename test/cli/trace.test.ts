import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseTrace } from "#scenarios";

function understudy(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["src/cli/main.ts", ...args], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-trace-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("understudy trace generate", () => {
  it("sinusoid: the load generator's defaults, whole ms, blocks from a pool", () => {
    const { status, stdout, stderr } = understudy("trace", "generate", "sinusoid", "--seed", "3");
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/^\d+ requests\n$/) });
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, number> & { hash_ids: number[] });
    // 100 s around 7.5 req/s.
    expect(Math.abs(rows.length - 750)).toBeLessThan(4.5 * Math.sqrt(750));
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(["timestamp", "input_length", "output_length", "hash_ids"]);
      expect(Number.isInteger(row.timestamp)).toBe(true);
      expect([100, 5000]).toContain(row.input_length);
      expect(row.output_length).toBe(row.input_length === 100 ? 2000 : 100);
      expect(row.hash_ids).toHaveLength(row.input_length === 100 ? 1 : 10);
    }
    // The share of the first kind swings between 0.2 and 0.8 with the rate, so over whole periods it is above one half:
    // E[rate · share] ÷ E[rate] = (7.5·0.5 + ½·2.5·0.3) ÷ 7.5 = 0.55.
    const share = rows.filter((row) => row.input_length === 100).length / rows.length;
    expect(Math.abs(share - 0.55)).toBeLessThan(0.08);
  });

  it("shape: the same seed writes the same bytes, another seed others", () => {
    const shape = "constant: { requestRate: 20, isl: 300, osl: { uniform: { min: 1, max: 9 } }, duration: 10s }";
    const trace = (seed: string) => understudy("trace", "generate", "shape", shape, "--seed", seed).stdout;
    expect(trace("1")).toBe(trace("1"));
    expect(trace("2")).not.toBe(trace("1"));
    expect(parseTrace(trace("1"), "t").count).toBeGreaterThan(150);
  });

  it("says of which block size a trace is where the trace itself does not", () => {
    const told = (more: string) =>
      understudy("trace", "generate", "shape", `constant: { requestRate: 2, isl: 300, osl: 9, duration: 5s, ${more} }`)
        .stderr;
    expect(told("prefix: { groups: 2, tokens: 128 }")).toMatch(
      /^\d+ requests, block size 64 \(readers must be told\)\n$/,
    );
    expect(told("agents: { turns: 3, toolWait: 1s, growth: 99 }")).toMatch(/^\d+ requests, block size 64\n$/);
  });

  it("scenario: its traffic, into a file, nothing on stdout", () => {
    const file = join(folder, "step.jsonl");
    const { status, stdout } = understudy(
      "trace",
      "generate",
      "scenario",
      "scenarios/library/peer-8-18-i4000-o150.yaml",
      "-o",
      file,
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    const workload = parseTrace(readFileSync(file, "utf8"), file);
    const after = [...workload.arrivalMs].filter((t) => t > 125_000);
    // 18 req/s over the last 115 s.
    expect(Math.abs(after.length - 18 * 115)).toBeLessThan(4.5 * Math.sqrt(18 * 115) + 18);
  });

  it.each([
    [["shape", "constnt: {}"], /shape:1:1 \(constnt\): unknown key.*\n.*did you mean "constant"/],
    [["shape", "closedLoop: { concurrency: 2, requests: 4, isl: 1, osl: 1 }"], /no arrival times/],
    [["sinusoid", "--isl1", "0"], /--isl1.*at least 1/],
    [["sinusoid", "--request-rate-min", "50"], /--request-rate-min: found 50, expected at most 10/],
    [["sinusoid", "--isl-osl-ratio-max", "2"], /--isl-osl-ratio-max: found 2/],
    [["scenario", "no-such.yaml"], /no-such\.yaml: found no such file/],
  ])("%j: one error, exit code 2", (args, message) => {
    const { status, stdout, stderr } = understudy("trace", "generate", ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe("understudy trace inspect", () => {
  const trace = "scenarios/library/traces/chat-sessions.jsonl";

  it("shows requests, rates, lengths and what a cache could save", () => {
    const { status, stdout } = understudy("trace", "inspect", trace);
    expect(status).toBe(0);
    expect(stdout).toMatch(/requests +798\n/);
    expect(stdout).toMatch(/sessions +277 \(2\.88 requests each\)/);
    expect(stdout).toMatch(/shared prefixes +65\.1 % of prompt tokens/);
  });

  it("prints JSON for machines, of a slice", () => {
    const { stdout } = understudy("trace", "inspect", trace, "--json", "--from", "1m", "--to", "2m");
    const summary = JSON.parse(stdout) as { sessions: number; durationMs: number };
    expect(summary.durationMs).toBeLessThanOrEqual(60_000);
    expect(summary.sessions).toBeLessThan(100);
  });

  it("tells a wrong block size from the data", () => {
    expect(understudy("trace", "inspect", trace).stdout).not.toContain("block size?");
    expect(understudy("trace", "inspect", trace, "--block-size", "64").stdout).toMatch(/only 1\d % .* is 64 the/);
    const { status, stderr } = understudy("trace", "inspect", trace, "--block-size", "4096");
    expect(status).toBe(2);
    expect(stderr).toMatch(/chat-sessions\.jsonl:1: "hash_ids".*\n.*block size/);
  });
});

describe("understudy trace stats and fit", () => {
  const trace = "scenarios/library/traces/chat-sessions.jsonl";

  it("tell burstiness, waits and correlation", () => {
    const { status, stdout } = understudy("trace", "stats", trace);
    expect(status).toBe(0);
    expect(stdout).toMatch(/turns +mean 3, p10 1/);
    expect(stdout).toMatch(/burstiness +cv of gaps 1\.02, without slow changes 1\.01, dispersion in 1 s/);
    expect(stdout).toMatch(/ISL with OSL +rank correlation 0\.005/);
  });

  it("make a scenario that can be run, and print how near it comes", () => {
    const file = join(folder, "fitted.yaml");
    const { status, stdout } = understudy("trace", "fit", trace, "-o", file, "--seed", "2");
    expect(status).toBe(0);
    expect(stdout).toMatch(/statistic +trace +scenario +error +by chance\n/);
    expect(stdout).toMatch(/reusable prompt tokens \(share\) +0\.6508/);
    expect(understudy("run", file, "--quiet", "--no-report").status).toBe(0);
  });

  it.each([1, 2])("say that %s arrivals at one instant have no rate, and send as many again", (arrivals) => {
    const file = join(folder, `at-once-${arrivals}.jsonl`);
    writeFileSync(file, '{"timestamp": 5, "input_length": 10, "output_length": 3, "hash_ids": [1]}\n'.repeat(arrivals));
    const fit = understudy("trace", "fit", file, "-o", join(folder, "at-once.yaml"));
    expect(fit.status).toBe(0);
    expect(fit.stdout).not.toMatch(/Infinity|NaN/);
    expect(fit.stdout).toMatch(new RegExp(`requests +${arrivals} +${arrivals} +0\\.0 %\n`));
    expect(fit.stdout).toMatch(/rate, mean \(1\/s\) +– +– +–\n/);
    expect(fit.stdout).toMatch(/come at one instant, so there is no rate to fit/);
    expect(understudy("trace", "stats", file).stdout).toMatch(/request rate +none: all come at one instant\n/);
  });
});
