import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestStatus, type RunRecord } from "#src/record";
import { judge, prepareRehearsal } from "#src/rehearsal";
import { cost } from "#src/report";
import { madeScenario, SHIPPED } from "./made-scenario.ts";

const engine = fc.record(
  {
    maxNumSeqs: fc.constantFrom(1, 2, 256, 1e6),
    maxNumBatchedTokens: fc.constantFrom(1, 64, 8192, 1e8),
    blockSize: fc.constantFrom(1, 16, 64, 65_536),
    numGpuBlocks: fc.constantFrom(1, 20, 1000, 2 ** 31 - 1),
    maxModelLen: fc.constantFrom(1, 300, 1e8),
    prefixCaching: fc.boolean(),
    chunkedPrefill: fc.boolean(),
    preemption: fc.constantFrom("lifo", "fifo"),
    watermark: fc.constantFrom(0, 0.5, 0.99),
    speedupRatio: fc.constantFrom(0, 1e-3, 1, 1e9),
    decodeSpeedupRatio: fc.constantFrom(0, 1, 100),
    timing: fc.constantFrom("profile", "polynomial", { fixed: { prefill: "0", decode: "0" } }),
  },
  { requiredKeys: [] },
);
const pool = fc.record({
  workers: fc.constantFrom(0, 1, 3),
  startup: fc.constantFrom("0", "1s", "1h"),
  gpusPerWorker: fc.constantFrom(1, 8),
  dpSize: fc.constantFrom(1, 3),
});
const length = fc.oneof(fc.constantFrom(1, 300, 5000), fc.record({ uniform: fc.constant({ min: 1, max: 900 }) }));
const traffic = fc.oneof(
  fc
    .record({ isl: length, osl: length, requestRate: fc.constantFrom(0, 1, 15) })
    .map(({ requestRate, ...content }) => ({
      constant: { requestRate, duration: "4s", ...content },
    })),
  fc.record({ isl: length, osl: length, concurrency: fc.constantFrom(1, 7) }).map(({ concurrency, ...content }) => ({
    closedLoop: { concurrency, requests: 20, ...content },
  })),
);
const deployment = fc.oneof(
  fc.record({ engine, agg: pool }).map((settings) => ({ mode: "agg", ...settings })),
  fc
    .record({ engine, prefill: pool, decode: pool, bandwidth: fc.constantFrom("1kB/s", "1TB/s") })
    .map(({ bandwidth, ...settings }) => ({ mode: "disagg", ...settings, kvTransfer: { bandwidth } })),
);

function expectPlausible({ requests, endMs, workers }: RunRecord): void {
  const { completed, rejected, unfinished } = RequestStatus;
  for (let i = 0; i < requests.count; i++) {
    const [arrival, admit, first, last] = (["arrivalMs", "admitMs", "firstTokenMs", "lastTokenMs"] as const).map(
      (column) => requests[column][i]!,
    ) as [number, number, number, number];
    expect([completed, rejected, unfinished]).toContain(requests.status[i]);
    const isOrdered = (a: number, b: number) => Number.isNaN(b) || a <= b;
    expect(isOrdered(arrival, admit) && isOrdered(admit, first) && isOrdered(first, last)).toBe(true);
    expect(Number.isNaN(last)).toBe(requests.status[i] !== completed);
    if (requests.status[i] === completed) {
      expect(last).toBeLessThanOrEqual(endMs);
      expect(requests.outputTokens[i]).toBeGreaterThanOrEqual(1);
      expect(requests.outputTokens[i]).toBeLessThanOrEqual(requests.requestedOsl[i]!);
    }
    expect(requests.cachedTokens[i]).toBeLessThan(requests.isl[i]! + requests.requestedOsl[i]!);
  }
  for (const { createdMs, readyMs, removedMs } of workers) {
    expect(createdMs).toBeLessThanOrEqual(readyMs);
    expect(removedMs ?? endMs).toBeLessThanOrEqual(endMs);
  }
}

describe("a scenario with extreme but valid settings", () => {
  it("runs to an end in which every request is accounted for, on both engines alike", () => {
    fc.assert(
      fc.property(deployment, traffic, fc.boolean(), fc.nat(3), (settings, shape, plans, seed) => {
        const scenario = madeScenario({
          name: "extreme",
          seed,
          deployment: { profile: SHIPPED, ...settings },
          sla: { ttft: "200ms", itl: "10ms" },
          ...(plans ? { planner: { strategy: "default", interval: "5s", maxGpus: 32 } } : {}),
          traffic: [shape],
          limits: { duration: "1m" },
        });
        const rehearsal = prepareRehearsal(scenario);
        const record = rehearsal.run();
        expectPlausible(record);
        const { summary } = judge(scenario, record);
        expect(summary.requests.total).toBe(record.requests.count);
        expect(cost(record).gpuSeconds).toBeLessThanOrEqual((cost(record).peakGpus * record.endMs) / 1000 + 1e-9);
        const stepping = rehearsal.run({ engine: "stepping" });
        expect(stepping.requests).toEqual(record.requests);
        expect(stepping.decisions).toEqual(record.decisions);
      }),
      { numRuns: Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 25), seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });
});
