import {
  DEFAULT_GPU_HOUR_PRICE,
  type DecodeResult,
  type Mapping,
  type PrefillResult,
  type SweepResults,
} from "#src/profiler";
import { cachedPreviews } from "./config-preview.ts";
import type { WebUiData, WebUiDetails } from "./types.ts";
import { webUiData } from "./webui-data.ts";

export interface WebUiContentOptions {
  /** What there is to pick from; rows of the page are its indices. */
  results: SweepResults;
  sla: { ttftMs: number; itlMs: number };
  /** Input and output tokens of a request. */
  isl: number;
  osl: number;
  model: string;
  backend: string;
  /** The deployment of a prefill and a decode mapping as YAML, without comment lines at its head; called once for each pair. */
  configOf: (prefill: Mapping, decode: Mapping) => string;
  /** US$; default 3. */
  gpuCostPerHour?: number;
  /** Dynamo's count of GPU hours, too high by the number of GPUs of each engine. */
  doubleCountGpuHours?: boolean;
  /** What went wrong while profiling; skipped candidates are told by themselves. */
  warnings?: readonly string[];
}

/** All that the page shows. */
export interface WebUiContent {
  data: WebUiData;
  details: WebUiDetails;
  /** Configuration of any row of the prefill table with any row of the decode table. */
  preview(prefill: number, decode: number): string;
}

/** Puts together what the page shows of a sweep. Pure. */
export function webUiContent(options: WebUiContentOptions): WebUiContent {
  const { results, sla, isl, osl, model, backend } = options;
  const preview = cachedPreviews({ model, backend, configOf: options.configOf });
  const data = webUiData({
    results,
    sla,
    isl,
    osl,
    preview,
    doubleCountGpuHours: options.doubleCountGpuHours ?? false,
  });
  return {
    data,
    details: {
      model,
      backend,
      isl,
      osl,
      ttftMs: sla.ttftMs,
      itlMs: sla.itlMs,
      gpuCostPerHour: options.gpuCostPerHour ?? DEFAULT_GPU_HOUR_PRICE,
      prefill: results.prefill.map(engineDetails),
      decode: results.decode.map((result) => ({ ...engineDetails(result), concurrency: result.concurrency })),
      warnings: [
        ...(options.warnings ?? []),
        ...results.skipped.map(({ phase, label, reason }) => `Left out: ${phase} ${label}: ${reason}`),
      ],
    },
    preview: (prefill, decode) => preview(results.prefill[prefill]!.mapping, results.decode[decode]!.mapping),
  };
}

function engineDetails({ mapping, origin }: PrefillResult | DecodeResult) {
  return { mapping: mapping.label, gpus: mapping.layout.gpus, origin };
}
