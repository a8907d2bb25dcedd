import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { engineLayout } from "#src/estimator";
import { disaggregatedUnits, matchedUnit } from "../../../src/profiler/picking/rate-matching.ts";
import type { WorkerRow } from "../../../src/profiler/picking/rows.ts";
import { describeWithReference, referencePath } from "../../reference.ts";
import { worker } from "./fixture-rows.ts";

const OPTIONS = { backend: "trtllm" as const, osl: 1000, sameTp: false, budget: 8 };

describe("[R092] prefill and decode engines in a ratio", () => {
  it("matches the rates of both sides, degraded as engines are in service", () => {
    // Four prefill engines of 2.403 req/s (× 0.9 = 8.65) before one decode engine of 6.502 (× 0.92 = 5.98).
    const [best] = disaggregatedUnits(
      [worker("tp1", 1, 416.18, 2.403)],
      [worker("tp4", 128, 19.705, 6.502)],
      [{ ttftMs: 1000, tpotMs: 20 }],
      OPTIONS,
    );
    expect(best).toMatchObject({ gpus: 8, prefill: { workers: 4 }, decode: { workers: 1 }, concurrency: 128 });
    expect(best!.requestsPerSecond).toBeCloseTo(5.982, 3);
    expect(best!.tokensPerSecondPerGpu).toBeCloseTo(747.73, 1);
    expect(best!.ttftMs).toBeCloseTo(749.12, 2);
  });

  it("leaves out engines whose TTFT among others, or whose ITL, is not below the target", () => {
    const prefill = [worker("tp1", 1, 600, 2), worker("tp2", 1, 300, 3)];
    const decode = [worker("tp2", 8, 10, 1), worker("tp2", 16, 20, 2)];
    const units = disaggregatedUnits(prefill, decode, [{ ttftMs: 1000, tpotMs: 20 }], OPTIONS);
    expect(units.map((unit) => [unit.prefill!.parallelism, unit.decode!.batchSize])).toEqual([["tp2", 8]]);
    expect(disaggregatedUnits(prefill, decode, [{ ttftMs: 540, tpotMs: 20 }], OPTIONS)).toEqual([]);
  });

  it("cuts both sides alike where the transfer needs it", () => {
    const prefill = [worker("tp1", 1, 100, 9), worker("tp4", 1, 60, 10)];
    const decode = [worker("tp4", 64, 15, 6)];
    const targets = [{ ttftMs: 1000, tpotMs: 20 }];
    const parallelism = (sameTp: boolean) =>
      disaggregatedUnits(prefill, decode, targets, { ...OPTIONS, sameTp })[0]!.prefill!.parallelism;
    expect(parallelism(false)).toBe("tp1");
    expect(parallelism(true)).toBe("tp4");
  });

  it("never builds a unit that is larger than the budget, and finds none better by trying all", () => {
    const rate = fc.double({ min: 0.1, max: 20, noNaN: true });
    const size = fc.constantFrom("tp1", "tp2", "tp4");
    fc.assert(
      fc.property(size, rate, size, rate, fc.constantFrom(2, 4, 8, 16), (pLayout, pRate, dLayout, dRate, budget) => {
        const p = worker(pLayout, 1, 10, pRate);
        const d = worker(dLayout, 8, 10, dRate);
        const [unit] = disaggregatedUnits([p], [d], [{ ttftMs: 100, tpotMs: 100 }], { ...OPTIONS, budget });
        const best = bruteForce(p, d, budget);
        if (best === 0) {
          expect(unit).toBeUndefined();
          return;
        }
        expect(unit!.gpus).toBeLessThanOrEqual(budget);
        expect(unit!.tokensPerSecondPerGpu).toBeCloseTo(best, 9);
      }),
    );
  });
});

function bruteForce(p: WorkerRow, d: WorkerRow, budget: number): number {
  let best = 0;
  for (let np = 1; np <= 32; np++) {
    for (let nd = 1; nd <= 32; nd++) {
      const gpus = np * p.gpus + nd * d.gpus;
      if (gpus > budget || ![1, 2, 4, 8, 16].includes(gpus)) continue;
      const rate = Math.min(np * p.requestsPerSecond * 0.9, nd * d.requestsPerSecond * 0.92);
      best = Math.max(best, (rate * OPTIONS.osl) / gpus);
    }
  }
  return best;
}

interface GoldenRow {
  [column: string]: number | string;
}

describeWithReference("[R092] AIConfigurator's own disaggregated rows", () => {
  const runs = JSON.parse(readFileSync(referencePath("estimator", "golden_default_picks.json"), "utf8")) as {
    args: { model: string; backend: "vllm" | "sglang" | "trtllm"; osl: number };
    best: { disagg: GoldenRow[] };
  }[];

  it("follow from their engines' rates and times", () => {
    const rows = runs.flatMap((run) => run.best.disagg.map((row) => ({ run, row })));
    expect(rows.length).toBeGreaterThan(6);
    for (const { run, row } of rows) {
      const side = (prefix: "p" | "d", latencyMs: number): WorkerRow => {
        const number = (column: string) => Number(row[`(${prefix})${column}`]);
        const [tp, dp] = [number("tp"), number("dp")];
        return {
          ...worker(`tp${tp}`, number("bs"), latencyMs, number("seq/s/worker")),
          layout: { ...engineLayout(`tp${tp}`), attentionDp: dp },
          gpus: tp * dp,
          globalBatchSize: number("global_bs"),
        };
      };
      const unit = matchedUnit(
        side("p", Number(row.ttft)),
        Number(row["(p)workers"]),
        side("d", Number(row.tpot)),
        Number(row["(d)workers"]),
        { backend: run.args.backend, osl: run.args.osl, sameTp: false, budget: undefined },
      );
      expect(unit.gpus).toBe(row.num_total_gpus);
      expect(unit.concurrency).toBe(row.concurrency);
      // The rows are rounded to three digits after the point.
      expect(Math.abs(unit.requestsPerSecond - Number(row["seq/s"]))).toBeLessThan(0.005);
      expect(unit.tokensPerSecondPerGpu / Number(row["tokens/s/gpu"])).toBeCloseTo(1, 2);
      expect(unit.requestLatencyMs / Number(row.request_latency)).toBeCloseTo(1, 4);
    }
  });
});
