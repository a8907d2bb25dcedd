import { describe, expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import { cachedBestStatic, prepareRehearsal, staticCacheKey } from "#src/rehearsal";
import { attainment, cost } from "#src/report";

const MAIN = new URL("../../scenarios/library/sin-5-45-i3000-o300.yaml", import.meta.url).pathname;

describe("the shipped search for static deployments", () => {
  it("knows the main scenario, and what it says of the best deployment is what a replay gives today", () => {
    const rehearsal = prepareRehearsal(readScenario(MAIN, { plannerSchema: plannerConfigSchema }));
    const known = cachedBestStatic(staticCacheKey(rehearsal));
    expect(known, "run node scripts/cache-best-static.ts").not.toBeNull();
    const best = known!.atFloor!;
    const record = rehearsal.runStatic(best);
    const { attainment: attained } = attainment(record);
    const { gpuSeconds } = cost(record);
    expect(attained.share).toBeCloseTo(best.attainment, 9);
    expect(attained.good / gpuSeconds).toBeCloseTo(best.goodputPerGpu, 9);
    expect(best.attainment).toBeGreaterThanOrEqual(known!.floor);
  });
});
