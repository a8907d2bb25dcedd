import { mean } from "#common";
import type { SimulationSpec } from "#src/simulator";
import { requestWork } from "../hindsight/request-work.ts";

/** What one worker carries of a workload, within the SLA and without any slack. Decode is the one role of an aggregated deployment. */
export interface WorkerCapacity {
  prefillPerS: number;
  decodePerS: number;
  /** Requests in a worker's batch at the ITL limit. */
  decodeBatch: number;
  /** Share of the KV cache in use then, %. */
  decodeKvPercent: number;
}

/** Means over the whole workload: more than a planner can know, so what is set by it is set well. */
export function workerCapacity(spec: SimulationSpec): WorkerCapacity {
  const { count, isl, osl } = spec.workload;
  const table = { count, isl, requestedOsl: osl, cachedTokens: new Int32Array(count) };
  const work = requestWork(spec, table);
  if (count === 0) return { prefillPerS: 1, decodePerS: 1, decodeBatch: 1, decodeKvPercent: 50 };
  const meanWork = (role: "prefill" | "decode") =>
    mean(Array.from(work[role].durationS, (seconds, i) => seconds * work[role].share[i]!));
  const decodeS = meanWork("decode") + (spec.prefill === null ? meanWork("prefill") : 0);
  const meanShare = mean(Array.from(work.decode.share));
  const meanContext = mean(Array.from(isl, (tokens, i) => tokens + osl[i]! / 2));
  const capacityTokens = spec.decode.engine.numGpuBlocks * spec.decode.engine.blockSize * spec.decode.dpSize;
  return {
    prefillPerS: 1 / Math.max(1e-9, meanWork("prefill")),
    decodePerS: 1 / Math.max(1e-9, decodeS),
    decodeBatch: 1 / meanShare,
    decodeKvPercent: Math.min(100, (100 * meanContext) / meanShare / capacityTokens),
  };
}
