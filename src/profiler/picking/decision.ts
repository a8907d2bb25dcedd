import type { Pick as EnginePick, ProfilingRequest } from "../types.ts";
import { loadNeedsGpus, loadTooLarge, overriddenToDisagg } from "./messages.ts";
import { KEPT_ROWS, type Load, type Ranking } from "./modes.ts";
import type { PlacedEngine, RankedRow, Targets } from "./rows.ts";

export type PickingMode = "autoscale" | "load-match" | "default";

/** What a pick is made for, of all that is asked. */
export type PickingRequest = Pick<
  ProfilingRequest,
  "backend" | "model" | "hardware" | "workload" | "sla" | "sweep" | "planner" | "mocker"
>;

/** A planner that scales wants engines, a load wants GPUs, a budget wants throughput. */
export function pickingMode({ planner, workload }: PickingRequest): PickingMode {
  if (planner !== undefined && (planner.enableThroughputScaling || planner.enableLoadScaling)) return "autoscale";
  return workload.requestRate !== undefined || workload.concurrency !== undefined ? "load-match" : "default";
}

/** What counts instead of targets: an objective, where the user gave one and no target. */
export function objectiveOf({ sla }: PickingRequest): "latency" | "throughput" | undefined {
  const targeted = sla.given.ttft || sla.given.itl || sla.e2eLatencyMs !== undefined;
  return targeted ? undefined : sla.optimization;
}

export function targetsOf({ sla }: PickingRequest): Targets {
  const { e2eLatencyMs } = sla;
  if (e2eLatencyMs === undefined) return { ttftMs: sla.ttftMs, tpotMs: sla.itlMs };
  return { ttftMs: e2eLatencyMs, tpotMs: e2eLatencyMs, e2eLatencyMs };
}

export function loadOf({ workload: { requestRate, concurrency } }: PickingRequest): Load {
  return requestRate === undefined ? { concurrency: concurrency! } : { requestRate };
}

/** GPUs that a default pick fills: all there are, or one node. */
export function budgetOf({ hardware }: PickingRequest): number {
  return hardware.totalGpus ?? hardware.gpusPerNode;
}

/** Why prefill and decode must be engines of their own, or null where an aggregated engine will do. */
export function separateEnginesNeeded({ planner, sweep, mocker }: PickingRequest): string | null {
  if (planner?.mode === "agg") return null;
  if (mocker.enabled) return "for the mocker, which plays separate prefill and decode profiles";
  if (planner !== undefined && sweep.interpolation === "thorough") {
    return "for thorough pre-deployment sweeping, which measures prefill and decode engines";
  }
  return null;
}

/** The better one of an aggregated and a disaggregated ranking, as a pick with all rows of both as its alternatives. */
export function decide(
  request: PickingRequest,
  mode: PickingMode,
  rankings: { agg: Ranking; disagg: Ranking },
): EnginePick | null {
  const order = (a: RankedRow, b: RankedRow) => better(request, mode, a, b);
  const rows = [...rankings.agg.rows, ...rankings.disagg.rows].sort(order);
  const first = rows[0];
  if (first === undefined) return null;
  const warnings: string[] = [];
  let picked = first;
  const needed = separateEnginesNeeded(request);
  if (first.agg !== undefined && needed !== null) {
    const separate = rows.find((row) => row.agg === undefined);
    if (separate !== undefined) {
      warnings.push(overriddenToDisagg(needed));
      picked = separate;
    }
  }
  const { totalGpus } = request.hardware;
  if (picked.loadServedPercent !== undefined && totalGpus !== undefined) {
    warnings.push(loadTooLarge(totalGpus), loadNeedsGpus(gpusForLoad(picked), totalGpus));
  }
  return {
    ...asPick(picked, mode),
    alternatives: rows.slice(0, 2 * KEPT_ROWS).map((row) => asPick(row, mode)),
    warnings,
  };
}

function gpusForLoad(row: RankedRow): number {
  return Math.ceil((row.replicas * 100) / row.loadServedPercent!) * row.gpus;
}

function better(request: PickingRequest, mode: PickingMode, a: RankedRow, b: RankedRow): number {
  const objective = objectiveOf(request);
  if (objective === "latency" && mode === "default") return a.tpotMs - b.tpotMs || byThroughput(a, b);
  if (objective === undefined || mode !== "default") {
    const targets = targetsOf(request);
    const missed = excess(a, targets) - excess(b, targets);
    if (missed !== 0) return missed;
  }
  if (mode === "load-match") {
    const served = (b.loadServedPercent ?? 100) - (a.loadServedPercent ?? 100);
    if (served !== 0) return served;
    const gpus = a.replicas * a.gpus - b.replicas * b.gpus;
    if (gpus !== 0) return gpus;
  }
  return byThroughput(a, b);
}

function byThroughput(a: RankedRow, b: RankedRow): number {
  return b.clusterTokensPerSecondPerGpu - a.clusterTokensPerSecondPerGpu || a.tpotMs - b.tpotMs;
}

/** By how much a row misses its targets, as a factor: 1 where it meets them. */
function excess(row: RankedRow, { ttftMs, tpotMs, e2eLatencyMs }: Targets): number {
  if (e2eLatencyMs !== undefined) return Math.max(1, row.requestLatencyMs / e2eLatencyMs);
  return Math.max(1, row.ttftMs / ttftMs, row.tpotMs / tpotMs);
}

function asPick(row: RankedRow, by: PickingMode): Omit<EnginePick, "alternatives" | "warnings"> {
  const engine = ({ layout, workers, batchSize }: PlacedEngine) => ({
    layout,
    replicas: workers * row.replicas,
    batchSize,
  });
  return {
    mode: row.agg === undefined ? "disagg" : "agg",
    backend: row.backend,
    ...(row.backendVersion === undefined ? {} : { backendVersion: row.backendVersion }),
    by,
    ...(row.prefill === undefined ? {} : { prefill: engine(row.prefill) }),
    ...(row.decode === undefined ? {} : { decode: engine(row.decode) }),
    ...(row.agg === undefined ? {} : { agg: engine(row.agg) }),
    ttftMs: row.ttftMs,
    itlMs: row.tpotMs,
    tokensPerSecondPerGpu: row.tokensPerSecondPerGpu,
    tokensPerSecondPerUser: row.tokensPerSecondPerUser,
    requestsPerSecond: row.requestsPerSecond * row.replicas,
    gpus: row.gpus * row.replicas,
    ...(row.loadServedPercent === undefined ? {} : { loadServedPercent: row.loadServedPercent }),
  };
}
