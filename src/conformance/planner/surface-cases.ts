import type { z } from "zod";
import type { Surface } from "#profiles";
import type { gridFile, interpFile } from "./case-schemas.ts";
import { Comparison } from "./comparison.ts";

const PREFILL_RELATIVE = 1e-9;
const TABLE_RELATIVE = 1e-9;
const TABLE_ABSOLUTE = 1e-6;

/** Look-ups of single points: prefill curve, decode table, best throughput. */
export function compareInterpolation(surface: Surface, file: z.output<typeof interpFile>): Comparison {
  const comparison = new Comparison();
  for (const { isl, ttft_ms, thpt_per_gpu } of file.prefill) {
    comparison.near(`ttft at ${isl}`, surface.ttftMs(isl), ttft_ms, PREFILL_RELATIVE);
    const found = surface.prefillThroughputPerGpu(isl);
    comparison.near(`prefill throughput at ${isl}`, found, thpt_per_gpu, PREFILL_RELATIVE);
  }
  for (const { concurrency, context_length, itl_ms, thpt_per_gpu } of file.decode) {
    const kvUsage = (concurrency * context_length) / surface.maxKvTokens;
    const at = `concurrency ${concurrency}, context ${context_length}`;
    table(comparison, `itl at ${at}`, surface.itlMs(kvUsage, context_length), itl_ms);
    table(comparison, `throughput at ${at}`, surface.decodeThroughputPerGpu(kvUsage, context_length), thpt_per_gpu);
  }
  for (const { itl_ms, context_length, thpt_per_gpu, actual_itl_ms, kv_usage } of file.find_best) {
    const best = surface.bestThroughputPerGpu(itl_ms, context_length);
    const at = `for ${itl_ms} ms, context ${context_length}`;
    table(comparison, `best throughput ${at}`, best.throughputPerGpu, thpt_per_gpu);
    table(comparison, `its itl ${at}`, best.itlMs, actual_itl_ms);
    table(comparison, `its kv usage ${at}`, best.kvUsage, kv_usage);
  }
  return comparison;
}

/** The whole decode table, cell by cell. */
export function compareGrid(surface: Surface, file: z.output<typeof gridFile>): Comparison {
  const comparison = new Comparison();
  file.y.forEach((context, iy) => {
    file.x.forEach((kvUsage, ix) => {
      const at = `cell [${iy}][${ix}]`;
      table(comparison, `itl of ${at}`, surface.itlMs(kvUsage, context), file.itl_ms[iy]![ix]!);
      const throughput = surface.decodeThroughputPerGpu(kvUsage, context);
      table(comparison, `throughput of ${at}`, throughput, file.thpt_per_gpu[iy]![ix]!);
    });
  });
  return comparison;
}

function table(comparison: Comparison, what: string, found: number, expected: number): void {
  comparison.near(what, found, expected, TABLE_RELATIVE, TABLE_ABSOLUTE);
}
