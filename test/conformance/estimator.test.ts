import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agreementPercent, ESTIMATOR_LIMITS, runEstimatorConformance } from "#src/conformance";
import { openNativeEngine } from "#src/estimator";
import { describeWithReference, referencePath } from "../reference.ts";

const folder = referencePath("estimator");

describeWithReference("recorded answers of the AI configurator", () => {
  it("[R009] [R010] are met without it, on all three backends: times, memory and the layouts picked", () => {
    const result = runEstimatorConformance(folder);
    const broken = result.verdicts.filter((verdict) => !verdict.passed);
    expect(broken).toEqual([]);
    expect(result.passed).toBe(true);
    // Each limit was tried on something.
    expect(result.verdicts.filter(({ found }) => Number.isNaN(found))).toEqual([]);
    expect(result.totals.dense.ttft.count).toBeGreaterThan(1000);
    expect(result.totals.moe.itl.count).toBeGreaterThan(10_000);
    expect(result.memory.count).toBeGreaterThan(1000);
  });

  it("differ from what users get where artefacts were bounded, and only so far", () => {
    const { totals, agreement } = runEstimatorConformance(folder, { sanitise: true, only: "qwen3-32b.json" });
    expect(totals.dense.ttft.mapePercent).toBeLessThan(ESTIMATOR_LIMITS.mapePercent.dense);
    expect(totals.dense.itl.mapePercent).toBeLessThan(ESTIMATOR_LIMITS.mapePercent.dense);
    expect(agreementPercent(agreement.dense.prefill)).toBeGreaterThan(95);
  });

  describe("that say something else", () => {
    let place: string;
    beforeEach(() => {
      place = mkdtempSync(join(tmpdir(), "understudy-estimator-conformance-"));
    });
    afterEach(() => rmSync(place, { recursive: true }));

    type Recorded = {
      entries: {
        system: string;
        backend: string;
        gpus: number;
        ttftMs: number[];
        itlMs: number[][];
        kv: { tokens: number };
      }[];
    };
    const changed = (change: (recorded: Recorded) => void) => {
      const recorded = JSON.parse(readFileSync(join(folder, "meta-llama-3.1-8b.json"), "utf8")) as Recorded;
      recorded.entries = recorded.entries.filter(({ system, backend }) => system === "h200_sxm" && backend === "vllm");
      change(recorded);
      writeFileSync(join(place, "model.json"), JSON.stringify(recorded));
      return runEstimatorConformance(place);
    };
    const broken = (result: ReturnType<typeof changed>) =>
      result.verdicts.filter((verdict) => !verdict.passed).map((verdict) => verdict.what);

    it("break the limit of what they change: TTFT", () => {
      const result = changed(({ entries }) => {
        for (const entry of entries) entry.ttftMs = entry.ttftMs.map((ms) => ms * 1.05);
      });
      expect(broken(result)).toEqual(["dense TTFT MAPE %"]);
    });

    it("break the limit of what they change: KV tokens", () => {
      const result = changed(({ entries }) => {
        entries[0]!.kv.tokens *= 1.001;
      });
      expect(broken(result)).toEqual(["largest memory error %"]);
    });

    it("break the limit of what they change: the layouts picked", () => {
      const result = changed(({ entries }) => {
        const wide = entries.find(({ gpus }) => gpus === 8)!;
        wide.itlMs = wide.itlMs.map((row) => row.map((ms) => ms / 20));
      });
      expect(broken(result)).toContain("dense layout agreement %");
    });
  });
});

describe("a model on the tables' own grid", () => {
  it("[R199] needs no version and no other name: the Hugging Face id and the newest measurements are the defaults", () => {
    const engine = openNativeEngine({
      model: "Qwen/Qwen3-32B-FP8",
      system: "h200_sxm",
      backend: "trtllm",
      parallelism: "tp2",
    });
    expect(engine.facts.backendVersion).toMatch(/^1\.3\./);
    expect(engine.facts.quantization).toEqual({ gemm: "fp8_block", moe: "fp8_block", kvcache: "fp8", fmha: "fp8" });
    expect(engine.context(1, 4000).origin).toBe("table");
  });
});
