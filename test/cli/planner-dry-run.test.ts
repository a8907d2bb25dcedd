import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runUnderstudy } from "./run-understudy.ts";

const PROFILE = "h200-llama-3.1-8b-fp8-tp1-estimate";
const PNG_SIGNATURE = "89504e470d0a1a0a";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-dry-run-"));
  // Requests per minute: 60, 600, 2400, none, 600.
  const lines = [60, 600, 2400, 0, 600].flatMap((requests, minute) =>
    Array.from({ length: requests }, (_, i) =>
      JSON.stringify({
        timestamp: Math.floor(minute * 60_000 + (i * 60_000) / requests),
        input_length: 3000,
        output_length: 300,
        hash_ids: [],
      }),
    ),
  );
  writeFileSync(join(folder, "trace.jsonl"), `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "trace.jsonl.gz"), gzipSync(`${lines.join("\n")}\n`));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function dryRun(...args: string[]) {
  return runUnderstudy(folder, "planner", "dry-run", ...args);
}

const common = [
  "--profile",
  PROFILE,
  "--predictor",
  "constant",
  "--interval",
  "60s",
  "--ttft",
  "200ms",
  "--itl",
  "10ms",
];

describe("planner dry-run", () => {
  it("prints a row an interval and writes the plot and the page beside it", () => {
    const { status, stdout, stderr } = dryRun("--trace", "trace.jsonl", ...common, "-o", "plots/dry.png");
    expect(stderr).toBe("plots/dry.png\nplots/dry.html\n");
    expect(status).toBe(0);
    const rows = stdout.split("\n").filter((line) => /^ *\d+ s /.test(line));
    expect(rows.map((row) => row.trim().split(/ {2,}/).slice(0, 3))).toEqual([
      ["0 s", "60", "60"],
      ["60 s", "600", "60"],
      ["120 s", "2400", "600"],
      ["240 s", "600", "2400"],
    ]);
    expect(stdout).toMatch(/too few prefill workers in 1, too few decode workers in 1 of 4 intervals/);
    expect(readFileSync(join(folder, "plots/dry.png")).subarray(0, 8).toString("hex")).toBe(PNG_SIGNATURE);
    expect(readFileSync(join(folder, "plots/dry.html"), "utf8")).toContain("Dry run of trace.jsonl");
  });

  it("takes the names of Dynamo's flags, and says which change nothing", () => {
    const ours = dryRun("--trace", "trace.jsonl", ...common, "--max-gpus", "5", "--start-prefill", "2", "--no-plot");
    const theirs = dryRun(
      ...["--dataset", "trace.jsonl", "--profile-results-dir", PROFILE, "--load-predictor", "constant"],
      ...["--adjustment-interval", "60", "--ttft", "200", "--itl", "10", "--max-gpu-budget", "5", "--start-num-p", "2"],
      ...["--backend", "vllm", "--no-operation", "--no-plot"],
    );
    expect(theirs.stderr).toBe(
      "--backend changes nothing here: there is no deployment\n--no-operation changes nothing here: there is no deployment\n",
    );
    expect(theirs.stdout).toBe(ours.stdout);
    expect(ours.stdout).toMatch(/0 s .* 2 {2}1 {2}yes/);
  });

  it("prints one JSON document with every interval and the summary", () => {
    const { stdout } = dryRun("--trace", "trace.jsonl.gz", ...common, "--no-plot", "--json");
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ intervalS: 60, sla: { ttftMs: 200, itlMs: 10 }, summary: { intervals: 4 } });
    expect(document.steps[2]).toMatchObject({
      startS: 120,
      requests: 2400,
      forecastRequests: 600,
      prefillTokens: 7.2e6,
    });
    expect(existsSync(join(folder, "dryrun_plot.png"))).toBe(false);
  });

  it("learns from a warm-up trace before the first interval", () => {
    const { stdout } = dryRun("--trace", "trace.jsonl", ...common, "--warmup-trace", "*.gz", "--no-plot", "--json");
    expect(JSON.parse(stdout).steps[0]).toMatchObject({ requests: 60, forecastRequests: 600, prefill: 1 });
  });

  it("draws an SVG where the name says so", () => {
    const { status } = dryRun("--trace", "trace.jsonl", ...common, "--output-plot", "dry.svg");
    expect(status).toBe(0);
    expect(readFileSync(join(folder, "dry.svg"), "utf8")).toMatch(/^<svg /);
  });

  it.each([
    [["--profile", PROFILE], "--trace: found nothing, expected the requests to plan for"],
    [["--trace", "trace.jsonl"], "--profile: found nothing, expected the profile of the workers"],
    [["--trace", "no.jsonl", "--profile", PROFILE], "no.jsonl: found no such file"],
    [["--trace", "trace.jsonl", "--profile", "no-such"], "no-such"],
    [["--trace", "trace.jsonl", "--profile", PROFILE, "--predictor", "arimaa"], 'did you mean "arima"?'],
    [["--trace", "trace.jsonl", "--profile", PROFILE, "--interval", "0"], "--interval takes a duration above 0"],
    [["--trace", "trace.jsonl", "--profile", PROFILE, "-o", "plot.pdf"], "expected a name that ends in .png or .svg"],
    [
      [
        "--dataset",
        "trace.jsonl",
        "--profile-results-dir",
        "use-pre-swept-results:h200_sxm:meta/llama:vllm:1:1:1:1:16:1:8",
      ],
      "names a row of sweeps that lie in Dynamo's repository",
    ],
  ])("refuses %j", (args, message) => {
    const { status, stdout, stderr } = dryRun(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });

  it("leaves the planner's own flags of the same names alone", () => {
    const { status, stdout } = runUnderstudy(folder, "planner", "--ttft", "123", "--print-config");
    expect(status).toBe(0);
    expect(stdout).toContain("ttft_ms: 123");
  });
});
