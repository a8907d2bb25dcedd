import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comparisonText } from "../../src/cli/commands/planner/comparison-text.ts";
import { runUnderstudy } from "./run-understudy.ts";

const PROFILE = "h200-llama-3.1-8b-fp8-tp1-estimate";
const PNG_SIGNATURE = "89504e470d0a1a0a";
/** Requests by ten seconds: a ramp that the last value is always behind of. */
const COUNTS = [20, 60, 100, 140, 180, 220, 260, 300];
const FIRST_UNIX_MS = 1_750_000_000_000;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-compare-"));
  const times = COUNTS.flatMap((count, k) =>
    Array.from({ length: count }, (_, i) => Math.floor(k * 10_000 + (i * 10_000) / count)),
  );
  const mooncake = times.map((timestamp) => JSON.stringify({ timestamp, input_length: 2000, output_length: 40 }));
  const dynamo = times.map((timestamp) =>
    JSON.stringify({
      schema: "dynamo.request.trace.v1",
      event_type: "request_end",
      request: {
        request_received_ms: FIRST_UNIX_MS + timestamp,
        output_tokens: 40,
        replay: { input_length: 2000 },
      },
    }),
  );
  writeFileSync(join(folder, "ramp.jsonl"), `${mooncake.join("\n")}\n`);
  writeFileSync(join(folder, "dynamo.jsonl.gz"), gzipSync(`${dynamo.join("\n")}\n`));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const common = ["--profile", PROFILE, "--interval", "10s", "--ttft", "200ms", "--itl", "10ms", "--startup", "2s"];

function compare(...args: string[]) {
  return runUnderstudy(folder, "planner", "compare", ...common, ...args);
}

describe("planner compare", () => {
  it("gives the same figures where the rows of requests go to disk", () => {
    const found = (...rows: string[]) => {
      const args = ["--trace", "ramp.jsonl", "--predictors", "constant,linear", "--no-plot", "--json", ...rows];
      const { status, stdout } = compare(...args);
      expect(status).toBe(0);
      const { predictors, perfect } = JSON.parse(stdout) as Record<string, { played: object }[]> & {
        perfect: { played: object };
      };
      return [...predictors!, perfect].map(({ played }) => played);
    };
    const inMemory = found();
    expect(inMemory).toHaveLength(3);
    expect(found("--rows-in-memory", "100")).toEqual(inMemory);
  });

  it("prints a row a predictor and one for the perfect forecast, and writes the picture and the page", () => {
    const { status, stdout, stderr } = compare(
      "--trace",
      "ramp.jsonl",
      "--predictors",
      "constant,linear",
      "-o",
      "out/c.png",
    );
    expect(stderr).toContain("out/c.png\nout/c.html\n");
    expect(status).toBe(0);
    const rows = stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(rows.slice(1, 4).map((row) => [row[0], row[1], row[4]])).toEqual([
      ["constant", "4.00", expect.stringMatching(/ of 8$/)],
      ["linear", expect.any(String), expect.stringMatching(/ of 8$/)],
      ["perfect forecast", "0", "8 of 8"],
    ]);
    expect(readFileSync(join(folder, "out/c.png")).subarray(0, 8).toString("hex")).toBe(PNG_SIGNATURE);
    expect(readFileSync(join(folder, "out/c.html"), "utf8")).toContain("Predictors on ramp.jsonl");
  });

  it("plays the same requests for every predictor, whatever the trace's format, and the same again with the same seed", () => {
    const [mooncake, dynamo, again] = ["ramp.jsonl", "dynamo.jsonl.gz", "ramp.jsonl"].map((trace) => {
      const { stdout } = compare("--trace", trace, "--predictors", "constant,kalman", "--json", "--no-plot");
      const { name: _, ...document } = JSON.parse(stdout, (key, value) => (key === "msPerInterval" ? null : value));
      return document;
    });
    expect(mooncake).toMatchObject({ requests: COUNTS.reduce((sum, count) => sum + count, 0), strategy: "sla-compat" });
    expect(dynamo).toEqual(mooncake);
    expect(again).toEqual(mooncake);
    const [constant] = mooncake.predictors;
    expect(constant.played.attainment).toBeGreaterThan(0);
    expect(constant.regret.lastValue).toEqual({ logLoss: 0, attainment: 0, gpuHours: 0, goodputPerGpu: 0 });
    expect(constant.regret.perfect.attainment).toBeCloseTo(
      mooncake.perfect.played.attainment - constant.played.attainment,
      12,
    );
    expect(existsSync(join(folder, "comparison.png"))).toBe(false);
    for (const [missing, said] of [
      [0.584, "; 58.4 % of what a perfect forecast gets is missing."],
      [-0.584, ": 58.4 % more than the strategy gets out of a perfect forecast."],
      [-0.0001, ": as much as a perfect forecast gets."],
    ] as const) {
      const regret = { ...constant.regret, perfect: { ...constant.regret.perfect, goodputPerGpu: missing } };
      const text = comparisonText({ ...mooncake, predictors: [{ ...constant, regret }] });
      expect(text).toContain(`\nconstant got most out of a GPU${said}\n`);
    }
  });

  it("attains what a replay with the same planner attains", () => {
    const { stdout } = compare("--trace", "ramp.jsonl", "--predictors", "constant", "--json", "--no-plot");
    writeFileSync(
      join(folder, "same.yaml"),
      `name: same
seed: 1
deployment:
  profile: ${PROFILE}
  mode: disagg
  prefill: { workers: 1, startup: 2s }
  decode: { workers: 1, startup: 2s }
  kvTransfer: { bandwidth: 64GB/s }
sla: { ttft: 200ms, itl: 10ms }
planner: { strategy: sla-compat, interval: 10s, predictor: constant, correction: false, requestCount: started }
traffic:
  - trace: { file: ramp.jsonl }
`,
    );
    const run = runUnderstudy(folder, "run", "same.yaml", "--json", "--no-report");
    const { attainment, cost } = JSON.parse(run.stdout);
    const { played } = JSON.parse(stdout).predictors[0];
    expect(played.attainment).toBe(attainment.share);
    expect(played.gpuHours).toBe(cost.gpuHours);
  });

  it("says that a trace of one interval has no forecast to judge", () => {
    writeFileSync(join(folder, "one.jsonl"), '{"timestamp": 5, "input_length": 100, "output_length": 5}\n');
    const { status, stdout } = compare("--trace", "one.jsonl", "--predictors", "ensemble", "-o", "one.svg");
    expect(status).toBe(0);
    const row = stdout.split("\n").find((line) => line.startsWith("ensemble"))!;
    expect(row.split(/ {2,}/).slice(0, 6)).toEqual(["ensemble", "N/A", "N/A", "N/A", "1 of 1", "100.00 %"]);
    expect(readFileSync(join(folder, "one.svg"), "utf8")).toContain("ensemble: too few intervals to judge a forecast");
  });

  it("sizes by Dynamo's planner of 2026, warm from another trace, options by predictor", () => {
    const { status, stdout } = compare(
      ...["--trace", "ramp.jsonl", "--warmup-trace", "dynamo.jsonl.gz", "--strategy", "load-compat"],
      ...["--predictors", "arima:window=20;log1p,linear", "--json", "--no-plot"],
    );
    expect(status).toBe(0);
    const document = JSON.parse(stdout);
    expect(document.predictors.map(({ name }: { name: string }) => name)).toEqual(["arima:window=20;log1p", "linear"]);
    expect(document.predictors[1].forecasts[0].requests).toBeCloseTo(340, 6);
    expect(document.lastValue).toMatchObject({ name: "last value", forecast: { intervals: 8 } });
  });

  it.each([
    [["--trace", "ramp.jsonl", "--predictors", "constant,,arima"], "expected names, each once, separated by commas"],
    [["--trace", "ramp.jsonl", "--predictors", "arima,arima"], "expected names, each once, separated by commas"],
    [["--trace", "ramp.jsonl", "--predictors", "prophett"], 'did you mean "prophet"?'],
    [["--trace", "ramp.jsonl", "--strategy", "default"], "Allowed choices are sla-compat, load-compat"],
    [["--trace", "none/*.jsonl"], "none/*.jsonl"],
    [["--trace", "ramp.jsonl", "-o", "c.html"], "expected a name that ends in .png or .svg"],
  ])("refuses %j", (args, message) => {
    const { status, stdout, stderr } = compare(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});
