import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type Backend, gpuSystem, modelFacts, openNativeEngine } from "#src/estimator";
import { backendRows, pickRapid, type RapidSources } from "../../../src/profiler/picking/rapid.ts";
import { fronts } from "../../../src/profiler/picking/search.ts";
import type { Pick } from "../../../src/profiler/types.ts";
import { describeWithReference, referencePath } from "../../reference.ts";
import { pickingRequest } from "./fixture-rows.ts";

interface GoldenRun {
  args: {
    model: string;
    system: string;
    backend: Backend;
    total_gpus: number;
    isl: number;
    osl: number;
    ttft: number;
    tpot: number;
  };
  chosen: "agg" | "disagg";
  best: { agg: Record<string, number>[]; disagg: Record<string, number>[] };
  pareto: Record<"agg" | "disagg", Record<string, number>[]>;
}

/** The built-in estimator, as the pipeline gives it to the picker; `sanitise: false` compares with the source as it is. */
function builtIn(id: string, gpu: string): RapidSources {
  const { moe, mla, weightMib, ...sizes } = modelFacts(id);
  const { name, memoryBytes } = gpuSystem(gpu);
  return {
    model: {
      ...sizes,
      ...(moe === undefined ? {} : { moe }),
      mla: mla !== undefined,
      weightBytes: weightMib * 2 ** 20,
    },
    system: { name, memoryBytes },
    covers: () => true,
    open: (backend, parallelism) =>
      openNativeEngine({ model: id, system: name, backend, parallelism, sanitise: false }),
  };
}

describeWithReference("[R200] AIConfigurator's own picks", () => {
  const runs = JSON.parse(readFileSync(referencePath("estimator", "golden_default_picks.json"), "utf8")) as GoldenRun[];

  it.each(runs.map((run) => ({ name: `${run.args.model} on ${run.args.system} with ${run.args.backend}`, run })))(
    "of $name: the same layouts, ratio and kind, throughput within 2 percent",
    ({ run }) => {
      const pick = pickRapid(requestOf(run), builtIn(run.args.model, run.args.system));
      expect(pick.mode).toBe(run.chosen);
      const [agg, disagg] = [run.best.agg[0]!, run.best.disagg[0]!];
      const ownAgg = pick.alternatives.find((row) => row.mode === "agg")!;
      expect(ownAgg.agg!.layout.tp).toBe(agg.tp);
      expect(ratio(ownAgg.tokensPerSecondPerGpu, agg["tokens/s/gpu"]!)).toBeLessThan(0.02);
      const ownDisagg = pick.alternatives.find((row) => row.mode === "disagg")!;
      expect(topology(ownDisagg)).toEqual({
        prefill: [disagg["(p)workers"], disagg["(p)tp"]],
        decode: [disagg["(d)workers"], disagg["(d)tp"]],
      });
      expect(ratio(ownDisagg.tokensPerSecondPerGpu, disagg["tokens/s/gpu"]!)).toBeLessThan(0.02);
      expect(ratio(ownDisagg.ttftMs, disagg.ttft!)).toBeLessThan(0.02);
      expect(ratio(ownDisagg.itlMs, disagg.tpot!)).toBeLessThan(0.05);
    },
  );

  it.each(runs.map((run) => ({ name: run.args.backend, run })))(
    "with $name: the same Pareto fronts, within 2 percent in the mean",
    ({ run }) => {
      const request = requestOf(run);
      const sources = builtIn(run.args.model, run.args.system);
      const own = fronts(request, [backendRows(request, sources, run.args.backend, [])]);
      for (const kind of ["agg", "disagg"] as const) {
        const golden = run.pareto[kind].map((row) => ({
          speed: row["tokens/s/user"]!,
          throughput: row["tokens/s/gpu_cluster"]!,
        }));
        const found = own[kind].map((row) => ({
          speed: row.tokensPerSecondPerUser,
          throughput: row.clusterTokensPerSecondPerGpu,
        }));
        expect(found.length).toBeGreaterThan(10);
        // Both are steps of one curve, at different places: how far each point is from the line between the other's.
        const errors = golden.map((point) => distance(point, found));
        expect(Math.max(...errors)).toBeLessThan(0.06);
        expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.02);
      }
    },
  );
});

interface FrontPoint {
  speed: number;
  throughput: number;
}

/** Of a point from a front, in both respects, as a share. */
function distance(point: FrontPoint, front: readonly FrontPoint[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i + 1 < front.length; i++) {
    for (let step = 0; step <= 50; step++) {
      const speed = front[i]!.speed + ((front[i + 1]!.speed - front[i]!.speed) * step) / 50;
      const throughput = front[i]!.throughput + ((front[i + 1]!.throughput - front[i]!.throughput) * step) / 50;
      least = Math.min(least, Math.max(ratio(speed, point.speed), ratio(throughput, point.throughput)));
    }
  }
  return least;
}

function requestOf({ args }: GoldenRun) {
  return pickingRequest({
    backend: args.backend,
    model: args.model,
    hardware: { gpuSku: args.system, gpusPerNode: 8, totalGpus: args.total_gpus, discovered: false },
    workload: { isl: args.isl, osl: args.osl },
    sla: { ttftMs: args.ttft, itlMs: args.tpot, given: { ttft: true, itl: true } },
  });
}

function topology(pick: Pick["alternatives"][number]) {
  const side = (engine: NonNullable<Pick["prefill"]>): [number, number] => [engine.replicas, engine.layout.tp];
  return { prefill: side(pick.prefill!), decode: side(pick.decode!) };
}

function ratio(a: number, b: number): number {
  return Math.abs(a / b - 1);
}
