import { describe, expect, it } from "vitest";
import { engineLayout } from "#src/estimator";
import { updatedSla } from "../../../src/profiler/picking/sla.ts";
import type { Pick, SlaRequest } from "../../../src/profiler/types.ts";

const SLA: SlaRequest = { ttftMs: 200, itlMs: 10, given: { ttft: true, itl: true } };

function pick(ttftMs: number, itlMs: number): Pick {
  return {
    mode: "disagg",
    backend: "vllm",
    by: "default",
    prefill: { layout: engineLayout("tp1"), replicas: 1, batchSize: 1 },
    decode: { layout: engineLayout("tp1"), replicas: 1, batchSize: 8 },
    ttftMs,
    itlMs,
    tokensPerSecondPerGpu: 1,
    tokensPerSecondPerUser: 1,
    requestsPerSecond: 1,
    gpus: 2,
    alternatives: [],
    warnings: [],
  };
}

describe("[R061] targets after a pick", () => {
  it("stay where the pick achieves them", () => {
    expect(updatedSla(SLA, pick(200, 9.9), 100)).toEqual({ ttftMs: 200, itlMs: 10, warnings: [] });
  });

  it("become the best achievable where it does not, with a warning for each", () => {
    expect(updatedSla(SLA, pick(749.122, 19.705), 100)).toEqual({
      ttftMs: 749.122,
      itlMs: 19.705,
      warnings: [
        "TTFT SLA 200.0ms is unachievable. Best achievable: 749.1ms. Updating SLA.",
        "ITL SLA 10.0ms is unachievable. Best achievable: 19.7ms. Updating SLA.",
      ],
    });
    expect(updatedSla(SLA, pick(150, 12.34), 100).warnings).toEqual([
      "ITL SLA 10.0ms is unachievable. Best achievable: 12.3ms. Updating SLA.",
    ]);
  });

  it("are that of the whole request where only that was given", () => {
    const e2e: SlaRequest = { ...SLA, e2eLatencyMs: 5000, given: { ttft: false, itl: false } };
    expect(updatedSla(e2e, pick(1000, 20), 201)).toEqual({ ttftMs: 5000, itlMs: 5000, warnings: [] });
    const late = updatedSla(e2e, pick(1000, 30), 201);
    expect(late.ttftMs).toBe(7000);
    expect(late.warnings[0]).toContain("5000.0ms is unachievable. Best achievable: 7000.0ms");
  });

  it("stay as they are after a naive pick, of which no times are known", () => {
    expect(updatedSla(SLA, { ...pick(0, 0), by: "naive" }, 100)).toEqual({ ttftMs: 200, itlMs: 10, warnings: [] });
  });
});
