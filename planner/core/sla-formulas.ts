import type { Surface } from "#profiles";
import { roundHalfEven } from "./queueing.ts";
import { noteShared, shared } from "./shared-values.ts";
import type { Clamp, Targets } from "./types.ts";

/** Load of one adjustment interval: requests in it, mean lengths in tokens. */
export interface IntervalLoad {
  requests: number;
  isl: number;
  osl: number;
}

export interface CorrectionFactors {
  /** Observed ÷ profiled TTFT. */
  prefill: number;
  /** Observed ÷ profiled ITL. */
  decode: number;
}

export interface SlaReplicaOptions {
  intervalS: number;
  itlMs: number;
  /** Replicas of each role that are always wanted; they win over the budget, as in the reference. */
  minEndpoint: number;
  maxGpus: number;
  gpusPerWorker: Targets;
}

/** The formulas' steps, for the decision. */
export interface SlaReplicas {
  targets: Targets;
  clamps: Clamp[];
  values: Record<string, number>;
}

/**
 * Correction of the decode profile: observed ITL ÷ the profile's ITL at the concurrency that Little's law gives per worker.
 * @returns null where the reference's arithmetic fails (no decode worker, unknown duration)
 */
export function decodeCorrection(
  surface: Surface,
  observed: IntervalLoad & { itlMs: number; requestDurationS: number },
  decodeWorkers: number,
  intervalS: number,
): { factor: number; concurrency: number } | null {
  const concurrency = ((observed.requests / decodeWorkers) * observed.requestDurationS) / intervalS;
  const contextLength = observed.isl + observed.osl / 2;
  const kvUsage = (concurrency * contextLength) / surface.maxKvTokens;
  if (!Number.isFinite(concurrency) || !Number.isFinite(kvUsage)) return null;
  return { factor: observed.itlMs / surface.itlMs(kvUsage, contextLength), concurrency };
}

/**
 * Replicas by throughput, as Dynamo's SLA planner of October 2025 computes them: demand in tokens/s ÷ what a GPU does at the
 * forecast lengths, corrected; then the budget by proportion with Python's rounding. Its flaws are kept: the TTFT target has no
 * part in it, the prefill correction never adds workers, and minimum and rounding may exceed the budget.
 * @returns null where a number of replicas is not finite (the reference fails there)
 */
export function slaReplicas(
  surface: Surface,
  load: IntervalLoad,
  correction: CorrectionFactors,
  options: SlaReplicaOptions,
): SlaReplicas | null {
  const { intervalS, minEndpoint, gpusPerWorker } = options;
  const contextLength = load.isl + load.osl / 2;
  const prefillTokensPerS = ((load.requests * load.isl) / intervalS) * Math.min(1, correction.prefill);
  const prefillPerGpu = surface.prefillThroughputPerGpu(load.isl);
  const correctedItlMs = correction.decode <= 0 ? options.itlMs : options.itlMs / correction.decode;
  const best = surface.bestThroughputPerGpu(correctedItlMs, contextLength);
  const decodeTokensPerS = (load.requests * load.osl) / intervalS;
  const raw = {
    prefill: Math.ceil(prefillTokensPerS / prefillPerGpu / gpusPerWorker.prefill),
    decode: Math.ceil(decodeTokensPerS / best.throughputPerGpu / gpusPerWorker.decode),
  };
  if (!Number.isFinite(raw.prefill) || !Number.isFinite(raw.decode)) return null;
  const clamps: Clamp[] = [];
  const floored = { prefill: Math.max(raw.prefill, minEndpoint), decode: Math.max(raw.decode, minEndpoint) };
  note(clamps, "minWorkers", raw, floored);
  const targets = proportionalBudget(floored, options);
  note(clamps, "maxGpus", floored, targets);
  const values: Record<string, number> = {
    prefillTokensPerS,
    prefillThroughputPerGpu: prefillPerGpu,
    correctedItlMs,
    decodeTokensPerS,
    decodeThroughputPerGpu: best.throughputPerGpu,
    decodeKvUsage: best.kvUsage,
    ...shared({ expectedItlMs: best.itlMs }),
    contextTokens: contextLength,
    prefillRaw: raw.prefill,
    decodeRaw: raw.decode,
  };
  // Of no tokens a worker serves any number.
  const perS = {
    prefill: (prefillPerGpu * gpusPerWorker.prefill) / (load.isl * Math.min(1, correction.prefill)),
    decode: (best.throughputPerGpu * gpusPerWorker.decode) / load.osl,
  };
  for (const role of ["prefill", "decode"] as const) {
    if (Number.isFinite(perS[role])) noteShared(values, `${role}WorkerPerS`, perS[role]);
  }
  return { targets, clamps, values };
}

function proportionalBudget(wanted: Targets, { gpusPerWorker, maxGpus, minEndpoint }: SlaReplicaOptions): Targets {
  const total = wanted.prefill * gpusPerWorker.prefill + wanted.decode * gpusPerWorker.decode;
  if (total <= maxGpus) return wanted;
  const prefill = Math.max(minEndpoint, roundHalfEven(wanted.prefill * (maxGpus / total)));
  const left = (maxGpus - prefill * gpusPerWorker.prefill) / gpusPerWorker.decode;
  return { prefill, decode: Math.max(minEndpoint, roundHalfEven(left)) };
}

function note(clamps: Clamp[], name: string, from: Targets, to: Targets): void {
  for (const role of ["prefill", "decode"] as const) {
    if (from[role] !== to[role]) clamps.push({ name, role, from: from[role], to: to[role] });
  }
}
