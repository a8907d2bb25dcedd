import type { Dialect, HardwareRequest } from "../types.ts";
import { noGpuConfiguration } from "./errors.ts";
import type { SweepModel } from "./model.ts";
import { type Note, note, warning } from "./note.ts";

/** Nodes that one mixture of experts may span. */
const MOE_NODES = 4;
/** Share of GPU memory that weights may take at most. */
const WEIGHT_SHARE = 0.9;
/** What counts where neither the user nor the hardware says it. */
const FALLBACK = { min: 1, max: 4 };

export interface GpuBounds {
  min: number;
  max: number;
  notes: Note[];
}

/**
 * GPUs of one engine, at least and at most: the user's own, else from the size of the weights and the GPU's memory, a node at most
 * (four nodes for experts). Where nothing is known, 1 to 4 with a warning.
 * @throws UserError where the model fits no allowed number
 */
export function gpuBounds(model: SweepModel, isMoe: boolean, hardware: HardwareRequest, dialect: Dialect): GpuBounds {
  const { gpusPerNode, totalGpus, vramMib } = hardware;
  const notes: Note[] = [];
  const fitting = fittingGpus(model.sizeMib, vramMib);
  const orFallback = (found: number | undefined, given: number | undefined, name: string, fallback: number): number => {
    if (given !== undefined) return given;
    if (found !== undefined) return found;
    notes.push(warning(`GPU discover is disabled and ${name} is not specified, setting to ${fallback}`));
    return fallback;
  };
  const min = orFallback(fitting, hardware.minGpusPerEngine, "min_num_gpus_per_engine", FALLBACK.min);
  const autoMax = fitting === undefined ? undefined : largestEngine(isMoe, dialect, fitting, gpusPerNode);
  const max = Math.min(
    orFallback(autoMax, hardware.maxGpusPerEngine, "max_num_gpus_per_engine", FALLBACK.max),
    totalGpus ?? Number.POSITIVE_INFINITY,
  );
  if (hardware.minGpusPerEngine === undefined && hardware.maxGpusPerEngine === undefined && fitting !== undefined) {
    notes.push(note(`Auto-generated search space for model ${model.id}: ${min} to ${max}`));
  }
  if (min > max) throw noGpuConfiguration(model.id, hardware, min, max);
  return { min, max, notes };
}

/** Fewest GPUs whose memory holds the weights; undefined where either is unknown. */
export function fittingGpus(sizeMib: number | undefined, vramMib: number | undefined): number | undefined {
  if (sizeMib === undefined || vramMib === undefined) return undefined;
  return Math.max(1, Math.ceil(sizeMib / WEIGHT_SHARE / vramMib));
}

function largestEngine(isMoe: boolean, dialect: Dialect, fitting: number, gpusPerNode: number): number {
  if (!isMoe) return gpusPerNode;
  const nodes = MOE_NODES * gpusPerNode;
  // From 0.8 on the documents name two ceilings, four nodes and eight times the least: the lower one counts.
  return dialect === "0.6" ? nodes : Math.min(nodes, Math.max(8 * fitting, gpusPerNode));
}

/**
 * Numbers of GPUs to sweep: powers of two from `min` to `max`; in 0.6 a mixture of experts steps by whole nodes instead.
 */
export function gpuCounts(bounds: { min: number; max: number }, isMoe: boolean, dialect: Dialect, gpusPerNode: number) {
  const counts: number[] = [];
  if (isMoe && dialect === "0.6") {
    // Whole nodes from the first on, where the least is a part of one.
    for (let gpus = Math.max(bounds.min, gpusPerNode); gpus <= bounds.max; gpus += gpusPerNode) counts.push(gpus);
    return counts;
  }
  for (let gpus = 1; gpus <= bounds.max; gpus *= 2) if (gpus >= bounds.min) counts.push(gpus);
  return counts;
}
