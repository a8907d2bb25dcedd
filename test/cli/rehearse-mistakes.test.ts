import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runUnderstudy, SMALL_SCENARIO as SCENARIO } from "./run-understudy.ts";

let folder: string;
const run = (...args: string[]) => runUnderstudy(folder, ...args);
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("understudy run of a scenario with a mistake", () => {
  const mistake = (from: string, to: string) => {
    write("wrong.yaml", SCENARIO.replace(from, to));
    const { status, stdout, stderr } = run("run", "wrong.yaml");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).not.toMatch(/\n\s+at /);
    return stderr;
  };

  it("names the place of an unknown key and the one that was meant", () => {
    const text = mistake("osl: 50", "osll: 50");
    expect(text).toMatch(/wrong\.yaml:12:\d+/);
    expect(text).toContain("osll");
    expect(text).toMatch(/did you mean "?osl"?\?/);
  });

  it("names the shipped profile that was meant", () => {
    const text = mistake("h200-llama-3.1-8b-fp8-tp1-estimate", "h200-lama-3.1-8b-fp8-tp1-estimate");
    expect(text).toMatch(/did you mean "?h200-llama-3\.1-8b-fp8-tp1-estimate"?\?/);
  });

  it("names the line of YAML that can't be read", () => {
    expect(mistake("{ ttft: 200ms, itl: 10ms }", "{ ttft: 200ms, itl: 10ms")).toMatch(/wrong\.yaml:\d+:\d+/);
  });

  it.each([
    ["requestRate: 8", "requestRate: .nan", /wrong\.yaml:12:\d+/],
    ["requestRate: 8", "requestRate: 1e300", /wrong\.yaml/],
    ["workers: 1, startup", "workers: 1e9, startup", /wrong\.yaml:6:\d+/],
    ["strategy: default", "strategy: defualt", /wrong\.yaml:10:\d+/],
  ])("refuses %s as %s", (from, to, where) => {
    expect(mistake(from, to)).toMatch(where);
  });

  it("names a file that is not there, and one that is a folder", () => {
    expect(run("run", "no-such.yaml")).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("no-such.yaml"),
    });
    expect(run("run", ".").status).toBe(2);
  });

  it("refuses a YAML bomb without running out of memory", () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(", ")}]`,
    );
    write("bomb.yaml", `l0: &l0 [x]\n${levels.join("\n")}\n${SCENARIO}`);
    const { status, stderr } = run("run", "bomb.yaml");
    expect(status).toBe(2);
    expect(stderr).toContain("bomb.yaml");
    expect(stderr.length).toBeLessThan(10_000);
  });
});

describe("understudy replay", () => {
  const row = (timestamp: number, i: number) =>
    JSON.stringify({ timestamp, input_length: 1100, output_length: 10, hash_ids: [1, 2, 10 + i] });
  const profile = ["--profile", "h200-llama-3.1-8b-fp8-tp1-estimate"];

  beforeAll(() => {
    write("trace.jsonl", `${[0, 500, 1000, 1500].map(row).join("\n")}\n`);
    write("unordered.jsonl", `${[0, 500, 400].map(row).join("\n")}\n`);
    write("cut.jsonl", `${row(0, 0)}\n${row(1, 1).slice(0, 40)}`);
  });

  it("replays a trace on the deployment of its flags; prompts that share blocks hit the cache", () => {
    const { status, stdout, stderr } = run("replay", "trace.jsonl", ...profile, "--no-report", "--json");
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout) as { mode: string; requests: { total: number; completed: number } };
    expect(report.mode).toBe("agg");
    expect(report.requests).toMatchObject({ total: 4, completed: 4 });
    expect(stdout).toContain('"prefixHitTokens": 3072');
    const disagg = run(
      "replay",
      "trace.jsonl",
      ...profile,
      "--prefill-workers",
      "1",
      "--no-report",
      "--json",
      "--requests",
      "2",
    );
    expect(JSON.parse(disagg.stdout)).toMatchObject({ mode: "disagg", requests: { total: 2 } });
  });

  it("refuses flags that contradict each other or can't be read", () => {
    const both = run("replay", "trace.jsonl", ...profile, "--workers", "2", "--decode-workers", "2");
    expect(both).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("--workers") });
    const words = run("replay", "trace.jsonl", ...profile, "--ttft", "200");
    expect(words).toMatchObject({ status: 2, stderr: expect.stringMatching(/--ttft[\s\S]*200/) });
    expect(run("replay", "trace.jsonl", ...profile, "--workers", "0").status).toBe(2);
    expect(run("replay", "trace.jsonl").stderr).toContain("--profile");
  });

  it("names the line of a trace out of order, and of one cut off", () => {
    const unordered = run("replay", "unordered.jsonl", ...profile);
    expect(unordered).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/unordered\.jsonl:3/) });
    expect(run("replay", "cut.jsonl", ...profile)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/cut\.jsonl:2/),
    });
  });
});
