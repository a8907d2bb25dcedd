import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareRehearsal } from "#src/rehearsal";
import { madeScenario, SHIPPED } from "./made-scenario.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-warm-up-"));
  // Half an hour of two requests a second, and a minute of thirty in the middle.
  const lines: string[] = [];
  for (let second = 0; second < 1800; second++) {
    const count = second >= 900 && second < 960 ? 30 : 2;
    for (let i = 0; i < count; i++) {
      const timestamp = Math.round(second * 1000 + (i * 1000) / count);
      lines.push(JSON.stringify({ timestamp, input_length: 3000, output_length: 120, hash_ids: [] }));
    }
  }
  writeFileSync(join(folder, "before.jsonl"), `${lines.join("\n")}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function scenario(planner: object) {
  const document = {
    name: "warmed-up",
    seed: 5,
    deployment: {
      profile: SHIPPED,
      mode: "disagg",
      prefill: { startup: "30s" },
      decode: { startup: "30s" },
      kvTransfer: { bandwidth: "64GB/s" },
    },
    sla: { ttft: "300ms", itl: "15ms" },
    planner,
    traffic: [{ constant: { requestRate: 2, duration: "3m", isl: 3000, osl: 120 } }],
  };
  return madeScenario(document, join(folder, "scenario.yaml"));
}

describe("a scenario's warm-up trace", () => {
  it("lies beside the scenario, and the default planner has learnt from it at the first request", () => {
    const fresh = prepareRehearsal(scenario({ strategy: "default" })).run().decisions[0]!;
    const warned = prepareRehearsal(scenario({ strategy: "default", warmupTrace: "before.jsonl" })).run().decisions[0]!;
    expect(fresh.values.burstReservePerS).toBe(0);
    expect(warned.values.burstReservePerS).toBeGreaterThan(15);
    expect(warned.targets!.prefill).toBeGreaterThan(fresh.targets!.prefill);
  });

  it("is there for the older strategies, too", () => {
    const planner = { strategy: "sla-compat", interval: "30s", predictor: "arima" };
    const warned = prepareRehearsal(scenario({ ...planner, warmupTrace: "./before.jsonl" })).run().decisions;
    const fresh = prepareRehearsal(scenario(planner)).run().decisions;
    expect(warned[0]!.forecast!.requestRate).not.toBe(fresh[0]!.forecast!.requestRate);
  });

  it("is refused with its path where there is none", () => {
    const missing = scenario({ strategy: "default", warmupTrace: "no.jsonl" });
    expect(() => prepareRehearsal(missing)).toThrowError(
      expect.objectContaining({ code: "PLANNER_TRACE_UNREADABLE", where: join(folder, "no.jsonl") }),
    );
  });
});
