import type { DecodeResult, PrefillResult } from "../types.ts";
import { paretoFront } from "./trade-off.ts";

/** $ for one GPU for one hour, where nobody says otherwise; the only price that NVIDIA Dynamo's profiler knows. */
export const DEFAULT_GPU_HOUR_PRICE = 3.0;

/** What a thousand requests take of a prefill and a decode engine. */
export interface PairCost {
  prefill: PrefillResult;
  decode: DecodeResult;
  /** GPU-hours of 1000 requests. */
  gpuHours: number;
  /** $ of 1000 requests. */
  price: number;
}

/** GPU-hours of 1000 requests; throughput per GPU counts each GPU already. */
export function gpuHoursPer1000(
  isl: number,
  osl: number,
  prefillPerGpu: number,
  decodePerGpu: number,
): { prefill: number; decode: number; total: number } {
  const prefill = (isl * 1000) / prefillPerGpu / 3600;
  const decode = (osl * 1000) / decodePerGpu / 3600;
  return { prefill, decode, total: prefill + decode };
}

/** Costs of the Pareto prefill engines with each of the Pareto decode points. */
export function pairCosts(
  prefill: readonly PrefillResult[],
  decode: readonly DecodeResult[],
  workload: { isl: number; osl: number },
  gpuHourPrice: number,
): PairCost[] {
  const prefillFront = paretoFront(
    prefill,
    (row) => row.ttftMs,
    (row) => row.throughputPerGpu,
  );
  const decodeFront = paretoFront(
    decode,
    (row) => row.itlMs,
    (row) => row.throughputPerGpu,
  );
  return prefillFront.flatMap((p) =>
    decodeFront.map((d) => {
      const { total } = gpuHoursPer1000(workload.isl, workload.osl, p.throughputPerGpu, d.throughputPerGpu);
      return { prefill: p, decode: d, gpuHours: total, price: total * gpuHourPrice };
    }),
  );
}
