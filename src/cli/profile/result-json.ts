import type { DecodeResult, Mapping, PrefillResult, ProfilingResult } from "#src/profiler";
import { caveats } from "./caveats.ts";

/** The result for machines: `--json`. */
export function resultJson(result: ProfilingResult): unknown {
  const { request, sweep, chosen } = result;
  return {
    status: "success",
    dialect: request.dialect,
    model: request.model,
    backend: result.backend,
    gpu: request.hardware.gpuSku ?? request.aic.system ?? null,
    strategy: request.strategy,
    workload: request.workload,
    sla: { wanted: { ttftMs: request.sla.ttftMs, itlMs: request.sla.itlMs }, final: result.sla },
    sweep: {
      prefill: sweep.prefill.map(prefillRow),
      decode: sweep.decode.map(decodeRow),
      skipped: sweep.skipped,
    },
    chosen: {
      by: chosen.by ?? null,
      prefill: chosen.prefill === undefined ? null : prefillRow(chosen.prefill),
      decode: chosen.decode === undefined ? null : decodeRow(chosen.decode),
    },
    pick: result.pick ?? null,
    plannerBounds: { for: "load-based planning", ...result.bounds },
    capacity: result.capacity ?? null,
    dollarsPerGpuHour: result.gpuHourPrice,
    costs: result.costs.map(({ prefill, decode, gpuHours, price }) => ({
      prefill: prefill.mapping.label,
      decode: decode.mapping.label,
      concurrency: decode.concurrency,
      ttftMs: prefill.ttftMs,
      itlMs: decode.itlMs,
      gpuHoursPer1000Requests: gpuHours,
      dollarsPer1000Requests: price,
    })),
    outputDir: request.outputDir,
    deployment: result.deployment ?? null,
    files: result.files,
    warnings: result.warnings,
    caveats: caveats(result),
    elapsedMs: result.elapsedMs,
  };
}

function prefillRow({ mapping, ...row }: PrefillResult) {
  return { ...engine(mapping), ...row };
}

function decodeRow({ mapping, ...row }: DecodeResult) {
  return { ...engine(mapping), ...row };
}

function engine({ label, layout }: Mapping) {
  return { mapping: label, gpus: layout.gpus };
}
