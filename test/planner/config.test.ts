import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createPlanner, plannerConfigSchema, surfaceFamilyOf } from "#planner/core";
import { active, disagg, observation, testSurface } from "./observations.ts";

function problem(config: unknown): string {
  const parsed = plannerConfigSchema.safeParse(config);
  return parsed.success
    ? ""
    : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

describe("planner configuration", () => {
  it("fills in defaults and turns durations into ms", () => {
    expect(plannerConfigSchema.parse({ strategy: "default", maxGpus: 12 })).toEqual({
      strategy: "default",
      interval: 5000,
      maxGpus: 12,
      minGpus: 0,
      minWorkers: { prefill: 1, decode: 1 },
      scaleDownDelay: 5000,
      scaleToZeroDelay: 300_000,
    });
    expect(plannerConfigSchema.parse({ strategy: "sla-compat", interval: "1m30s" })).toEqual({
      strategy: "sla-compat",
      interval: 90_000,
      maxGpus: 8,
      minWorkers: 1,
      predictor: { type: "arima", window: 50, log1p: false, clampAtZero: true },
      correction: true,
      requestCount: "completed",
    });
  });

  it("takes predictors by name or in detail", () => {
    const { predictor } = plannerConfigSchema.parse({
      strategy: "sla-compat",
      predictor: { type: "kalman", r: 5 },
    }) as {
      predictor: unknown;
    };
    expect(predictor).toMatchObject({ type: "kalman", r: 5, qLevel: 1 });
  });

  it("says what is wrong and where", () => {
    expect(problem({ strategy: "default", interval: "5" })).toMatch(/interval: .*duration/);
    expect(problem({ strategy: "default", interval: "0s" })).toMatch(/interval: .*above 0/);
    expect(problem({ strategy: "default", maxGpu: 8 })).toMatch(/maxGpu/);
    expect(problem({ strategy: "sla-compat", predictor: "oracle" })).not.toBe("");
    expect(problem({ strategy: "best" })).not.toBe("");
    expect(problem({ strategy: "default", minWorkers: -1 })).not.toBe("");
    expect(problem({ strategy: "default", maxGpus: { prefil: 2 } })).not.toBe("");
  });

  it("can be published as a JSON Schema", () => {
    const schema = z.toJSONSchema(plannerConfigSchema, { io: "input" });
    expect(JSON.stringify(schema)).toContain("scaleDownDelay");
  });

  it("names the surfaces that each strategy reads", () => {
    expect(surfaceFamilyOf("sla-compat")).toBe("compat");
    expect(surfaceFamilyOf("default")).toBe("robust");
  });
});

describe("fixed strategies", () => {
  const make = (config: unknown) => createPlanner(plannerConfigSchema.parse(config), disagg, testSurface());

  it("static always wants the same workers", () => {
    const plan = make({ strategy: "static", prefill: 3, decode: 2 });
    const decision = plan.tick(observation(5000, 40, { workers: { prefill: active(1), decode: active(9) } }));
    expect(decision.targets).toEqual({ prefill: 3, decode: 2 });
    expect(plan.tick(observation(10_000, 0)).tick).toBe(1);
  });

  it("none only observes", () => {
    const decision = make({ strategy: "none" }).tick(observation(5000, 40));
    expect(decision.targets).toBeNull();
    expect(decision.observedRate).toBe(40);
  });
});
