import { expect, it } from "vitest";
import { engineConfig, polynomialTiming } from "#mocker/engine";
import { createPlanner, plannerConfigSchema } from "#planner/core";
import { buildWorkload } from "#scenarios";
import { RequestStatus } from "#src/record";
import { simulate } from "#src/simulator";
import { disagg, testSurface } from "./observations.ts";

const length = (value: number) => ({ kind: "fixed" as const, value });
const content = {
  patterns: [{ share: null, isl: length(128), osl: length(512) }],
  sessions: null,
  prefix: null,
  blockTokens: 64,
};

/** Requests at once, and one more later, so that the planner goes on meanwhile. */
function burst(requests: number, laterMs: number) {
  const open = (startMs: number, durationMs: number, rate: number) => ({
    kind: "open" as const,
    startMs,
    durationMs,
    rate: { kind: "constant" as const, rate },
    arrivals: { kind: "constant" as const },
    content,
  });
  return buildWorkload([open(0, 1, 1000 * requests), open(laterMs, 1, 1000)], { seed: 1 });
}

it("an aggregated deployment grows under a burst and shrinks when it is over, a worker at a time", () => {
  const engine = engineConfig({
    role: "aggregated",
    timing: polynomialTiming({ capacityTokens: 16384 * 64 }),
    numGpuBlocks: 16384,
    blockSize: 64,
  });
  const config = plannerConfigSchema.parse({
    strategy: "load-compat",
    interval: "1s",
    target: "load",
    maxGpus: 3,
    decodeKvPercent: { up: 1, down: 0 },
  });
  const context = { ...disagg, mode: "agg" as const, kvTokensPerRank: 16384 * 64 };
  const run = simulate({
    name: "burst",
    seed: 1,
    workload: burst(32, 30_000),
    prefill: null,
    decode: { workers: 1, engine, dpSize: 1, gpusPerWorker: 1, startupMs: 0 },
    router: "round-robin",
    transfer: null,
    sla: disagg.sla,
    planner: createPlanner(config, context, testSurface()),
    quirks: { passesBeforeArrivals: false },
    engine: "skipping",
  });
  // As Dynamo's own replay has it: 1 → 2 → 3 → 2 → 1, and all requests are served.
  expect(run.scalingEvents.map(({ from, to }) => [from, to])).toEqual([
    [1, 2],
    [2, 3],
    [3, 2],
    [2, 1],
  ]);
  expect(run.requests.count).toBe(33);
  expect([...run.requests.status].every((status) => status === RequestStatus.completed)).toBe(true);
});
