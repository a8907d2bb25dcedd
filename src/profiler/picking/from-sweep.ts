import type { Backend } from "#src/estimator";
import type { DecodeResult, Mapping, Pick, PrefillResult, SweepResults } from "../types.ts";
import { decide, type PickingRequest, pickingMode } from "./decision.ts";
import type { WorkerRow } from "./rows.ts";
import { rankings } from "./search.ts";

/**
 * Picks among measured engines as among estimated ones: prefill and decode engines apart. Null where one of both sides has no
 * result.
 */
export function pickFromSweep(
  request: PickingRequest & { backend: Backend | "auto" },
  results: SweepResults,
  backend: Backend,
): Pick | null {
  const mode = pickingMode(request);
  const rows = {
    backend,
    prefill: results.prefill.map(prefillRow),
    decode: results.decode.map((result) => decodeRow(result, request.workload.osl)),
    agg: [],
  };
  return decide(request, mode, rankings(request, mode, [rows]));
}

function prefillRow({ mapping, ttftMs, origin }: PrefillResult): WorkerRow {
  const { attentionDp } = mapping.layout;
  return {
    ...common(mapping),
    batchSize: 1,
    globalBatchSize: attentionDp,
    latencyMs: ttftMs,
    requestsPerSecond: (1000 * attentionDp) / ttftMs,
    origin,
  };
}

function decodeRow({ mapping, concurrency, itlMs, throughputPerGpu, origin }: DecodeResult, osl: number): WorkerRow {
  const { attentionDp, gpus } = mapping.layout;
  return {
    ...common(mapping),
    batchSize: Math.ceil(concurrency / attentionDp),
    globalBatchSize: concurrency,
    latencyMs: itlMs,
    requestsPerSecond: (throughputPerGpu * gpus) / osl,
    origin,
  };
}

function common({ layout, tag }: Mapping) {
  return { parallelism: tag.toLowerCase(), layout, gpus: layout.gpus };
}
