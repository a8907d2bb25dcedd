import { describe, expect, it } from "vitest";
import type { RunRecord } from "#src/record";
import { prepareRehearsal } from "#src/rehearsal";
import { comparisonText } from "../../src/cli/live-run/comparison-text.ts";
import { compareRuns } from "../../src/live/compare.ts";
import type { LiveLag } from "../../src/live/run-live.ts";
import { FIXED, madeScenario, SHIPPED } from "../rehearsal/made-scenario.ts";

const scenario = madeScenario({
  ...FIXED,
  deployment: { profile: SHIPPED, mode: "agg", agg: { workers: 1 } },
  planner: { strategy: "default", interval: "2s", maxGpus: 4 },
});
const run = (): RunRecord => prepareRehearsal(scenario).run();
const value = (comparison: ReturnType<typeof compareRuns>, name: string) =>
  comparison.values.find((candidate) => candidate.name === name)!;

describe("a live run against its virtual twin", () => {
  it("differs in nothing where both are the same", () => {
    const comparison = compareRuns(run(), run());
    expect(comparison).toMatchObject({ countsEqual: true, timesWithin: true, differingRequests: 0 });
    expect(comparison.decisions).toMatchObject({ first: null });
    expect(comparison.decisions.same).toBe(comparison.decisions.live);
    expect(comparison.decisions.same).toBeGreaterThan(3);
    expect(comparison.values.map(({ deviation }) => deviation)).toEqual(comparison.values.map(() => 0));
  });

  it("keeps 2 % of means and medians and 5 % of p99, and says by how much it misses", () => {
    const live = run();
    const { arrivalMs, firstTokenMs, lastTokenMs, count } = live.requests;
    for (let i = 0; i < count; i++) {
      const ttft = firstTokenMs[i]! - arrivalMs[i]!;
      firstTokenMs[i]! += 0.03 * ttft;
      lastTokenMs[i]! += 0.03 * ttft;
    }
    const comparison = compareRuns(live, run());
    expect(comparison).toMatchObject({ countsEqual: true, timesWithin: false });
    expect(value(comparison, "TTFT, mean")).toMatchObject({ tolerance: 0.02, within: false });
    expect(value(comparison, "TTFT, mean").deviation).toBeCloseTo(0.03, 6);
    expect(value(comparison, "TTFT, p99")).toMatchObject({ tolerance: 0.05, within: true });
    expect(value(comparison, "ITL, mean").within).toBe(true);
  });

  it("allows counts, tokens and prefix hits no difference, also where the sums agree", () => {
    const live = run();
    live.requests.cachedTokens[3]! += 64;
    expect(compareRuns(live, run())).toMatchObject({ countsEqual: false, timesWithin: true, differingRequests: 1 });
    live.requests.cachedTokens[3]! -= 64;
    live.requests.outputTokens[4]! += 1;
    live.requests.outputTokens[5]! -= 1;
    const comparison = compareRuns(live, run());
    expect(value(comparison, "output tokens").within).toBe(true);
    expect(comparison).toMatchObject({ countsEqual: false, differingRequests: 2 });
    const noLag = { meanMs: 0, p99Ms: 0, maxMs: 0, count: 0 };
    const lag = { processes: [], client: noLag, generator: noLag, ticks: { late: noLag, took: noLag } };
    const text = comparisonText(comparison, { lag: lag as unknown as LiveLag, timeScale: 1 });
    expect(text).toContain("counts differ (requests with another end, other tokens or other prefix hits: 2)");
  });

  it("compares times to output and reasoning where the model thinks", () => {
    const { engine } = FIXED.deployment;
    const document = {
      ...FIXED,
      deployment: { ...FIXED.deployment, engine: { ...engine, reasoning: { ratio: 0.6 } } },
    };
    const thinking = () => prepareRehearsal(madeScenario(document)).run();
    const [live, virtual] = [thinking(), thinking()];
    expect(value(compareRuns(live, virtual), "TTFO, mean")).toMatchObject({ virtual: 30 + 3 * 7, deviation: 0 });
    for (let i = 0; i < live.requests.count; i++) live.requests.firstOutputTokenMs![i]! += 2;
    live.requests.reasoningTokens![3]! += 1;
    const comparison = compareRuns(live, virtual);
    expect(comparison).toMatchObject({ countsEqual: false, timesWithin: false });
    expect(value(comparison, "TTFO, p50").within).toBe(false);
    expect(value(comparison, "reasoning tokens")).toMatchObject({ live: 301, virtual: 300, within: false });
    expect(
      compareRuns(run(), run())
        .values.map(({ name }) => name)
        .join(),
    ).not.toMatch(/TTFO|reasoning/);
  });

  it("names the first tick at which the planners disagree", () => {
    const live = run();
    const changed = live.decisions.map((decision) =>
      decision.tick < 2 ? decision : { ...decision, targets: { prefill: 0, decode: 9 } },
    );
    const { first, same } = compareRuns({ ...live, decisions: changed }, run()).decisions;
    expect(first).toMatchObject({ tick: 2, live: { prefill: 0, decode: 9 } });
    expect(first!.virtual).not.toEqual(first!.live);
    expect(same).toBe(2);
  });

  it("counts a tick that only one of them had as a difference", () => {
    const live = run();
    const { decisions } = compareRuns({ ...live, decisions: live.decisions.slice(0, -1) }, run());
    expect(decisions.first).toMatchObject({ live: "no tick", tick: live.decisions.at(-1)!.tick });
  });
});
