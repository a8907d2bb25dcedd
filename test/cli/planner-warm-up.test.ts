import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { createPlanner } from "#planner/core";
import { buildSurface } from "#profiles";
import { plannerContext, strategyConfig } from "../../src/cli/planner/core-config.ts";
import { observation, testProfile } from "../planner/observations.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-warm-up-"));
  // One request more every minute for half an hour, over two files.
  const lines = Array.from({ length: 30 }, (_, minute) =>
    Array.from({ length: 10 + minute }, (_, i) =>
      JSON.stringify({ timestamp: minute * 60_000 + i, input_length: 3000, output_length: 300 }),
    ),
  );
  writeFileSync(join(folder, "a.jsonl.gz"), gzipSync(lines.slice(0, 15).flat().join("\n")));
  writeFileSync(join(folder, "b.jsonl"), lines.slice(15).flat().join("\n"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(trace: string, strategy: string) {
  return readPlannerConfig({
    environment: {},
    flags: [],
    config: JSON.stringify({
      optimization_target: "sla",
      strategy,
      throughput_adjustment_interval_seconds: 60,
      load_predictor: "arima",
      load_predictor_warmup_trace: trace,
    }),
  });
}

describe("a planner service with load_predictor_warmup_trace", () => {
  it.each(["sla-compat", "load-compat"])("%s forecasts from the trace's end at its first tick", (strategy) => {
    const configured = read(folder, strategy);
    const planner = createPlanner(
      strategyConfig(configured.config),
      plannerContext(configured, testProfile),
      buildSurface(testProfile, "compat"),
    );
    const { intervalMs } = planner;
    const requests = (40 * intervalMs) / 60_000;
    const seen = { windowMs: intervalMs, startedRequests: requests, completedRequests: requests };
    let decision = planner.tick(observation(intervalMs, 40 / 60, seen));
    for (let atMs = 2 * intervalMs; atMs <= 60_000; atMs += intervalMs) {
      decision = planner.tick(observation(atMs, 40 / 60, seen));
    }
    // 39 requests in the trace's last minute, 40 in the first live one: the line goes on.
    expect(decision.forecast!.requestRate * 60).toBeCloseTo(41, 0);
  });

  it("refuses a trace that is not there, by the field and its name", () => {
    const trace = join(folder, "none-*.jsonl");
    expect(() => plannerContext(read(trace, "sla-compat"), testProfile)).toThrowError(
      expect.objectContaining({
        code: "PLANNER_TRACE_UNREADABLE",
        where: expect.stringMatching(/^--config:1:\d+ \(load_predictor_warmup_trace\)$/),
        message: expect.stringContaining(`${trace}: found `),
      }),
    );
  });
});
