import { describe, expect, it } from "vitest";
import { prepareRehearsal, startAboveBudget } from "#src/rehearsal";
import { FIXED, madeScenario, SHIPPED } from "./made-scenario.ts";

const said = (maxGpus: unknown, planner: object = { strategy: "default" }, gpus = 1) =>
  startAboveBudget(
    prepareRehearsal(
      madeScenario({
        ...FIXED,
        deployment: {
          profile: SHIPPED,
          mode: "disagg",
          prefill: { workers: 2, gpusPerWorker: gpus },
          decode: { workers: 3 },
        },
        planner: { ...planner, ...(maxGpus === undefined ? {} : { maxGpus }) },
      }),
    ),
  );

describe("workers at the start that the planner's budget would not have", () => {
  it("are told of with the line, what stands and what is allowed", () => {
    expect(said(4)).toMatch(
      /^made\.yaml:1:\d+ \(planner\.maxGpus\): the run begins with 5 GPUs where maxGpus allows 4: /,
    );
    expect(said({ prefill: 1, total: 8 })).toMatch(
      /\(planner\.maxGpus\.prefill\): the run begins with 2 GPUs where maxGpus\.prefill allows 1: /,
    );
    expect(said(6, { strategy: "default" }, 2)).toContain("begins with 7 GPUs where maxGpus allows 6");
  });

  it("are as well with a budget that they fit, and with none", () => {
    expect([said(5), said({ prefill: 2, decode: 3 }), said(undefined), said(5, { strategy: "sla-compat" })]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(said(undefined, { strategy: "static", prefill: 1, decode: 1 })).toBeNull();
  });
});
