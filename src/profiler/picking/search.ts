import type { Backend } from "#src/estimator";
import { budgetOf, loadOf, objectiveOf, type PickingMode, type PickingRequest, targetsOf } from "./decision.ts";
import { needsSameTp } from "./layouts.ts";
import {
  KEPT_ROWS,
  onBudget,
  type Ranking,
  rankByLoad,
  rankByObjective,
  rankByThroughput,
  rankForAutoscaling,
} from "./modes.ts";
import { planFront } from "./pareto.ts";
import { disaggregatedUnits, TTFT_CORRECTION, type UnitOptions, unitsForLoad } from "./rate-matching.ts";
import type { PlanRow, RankedRow, WorkerRow } from "./rows.ts";
import { requestTargets, type TargetPair, tokenTargets } from "./targets.ts";

/** The rows of one backend's engines. */
export interface BackendRows {
  backend: Backend;
  backendVersion?: string;
  prefill: WorkerRow[];
  decode: WorkerRow[];
  agg: PlanRow[];
}

/**
 * What users' speed costs in throughput: the rows of both kinds that nothing beats in both, each on its own. For a picture beside
 * a pick; TTFT is kept by all of them.
 */
export function fronts(
  request: PickingRequest,
  backends: readonly BackendRows[],
): { agg: RankedRow[]; disagg: RankedRow[] } {
  const targets = targetsOf(request);
  const front = (rows: readonly PlanRow[]) => planFront(onBudget(rows, budgetOf(request)), targets);
  return {
    agg: front(aggregatedRows(request, backends)),
    disagg: front(backends.flatMap((rows) => separateRows(request, "default", rows))),
  };
}

const NOTHING: Ranking = { rows: [], meets: false };

/** What the engines of all backends together have to offer in a picking mode. */
export function rankings(
  request: PickingRequest,
  mode: PickingMode,
  backends: readonly BackendRows[],
): { agg: Ranking; disagg: Ranking } {
  if (mode === "autoscale") {
    if (request.planner?.mode === "agg") return { agg: aggregatedForScaling(request, backends), disagg: NOTHING };
    return { agg: NOTHING, disagg: separateForScaling(request, backends) };
  }
  const rank = (rows: readonly PlanRow[]) => ranked(request, mode, rows);
  return {
    agg: rank(aggregatedRows(request, backends)),
    disagg: rank(backends.flatMap((rows) => separateRows(request, mode, rows))),
  };
}

/** All aggregated rows that keep the TTFT; where none does, the fastest of each layout. */
function aggregatedRows(request: PickingRequest, backends: readonly BackendRows[]): PlanRow[] {
  const all = backends.flatMap((rows) => rows.agg);
  const { e2eLatencyMs, ttftMs } = request.sla;
  if (e2eLatencyMs !== undefined || objectiveOf(request) !== undefined) return all;
  const meeting = all.filter((row) => row.ttftMs <= ttftMs);
  return meeting.length > 0 ? meeting : fastestFirstTokens(all);
}

function fastestFirstTokens(rows: readonly PlanRow[]): PlanRow[] {
  const least = new Map<string, number>();
  for (const row of rows) least.set(row.group, Math.min(row.ttftMs, least.get(row.group) ?? Number.POSITIVE_INFINITY));
  const fastest = Math.min(...least.values());
  return rows.filter((row) => row.ttftMs === least.get(row.group) && row.ttftMs <= 1.05 * fastest);
}

/** All matched units of a backend; where no prefill engine keeps the TTFT, with the fastest. */
function separateRows(request: PickingRequest, mode: "load-match" | "default", rows: BackendRows): PlanRow[] {
  if (rows.prefill.length === 0 || rows.decode.length === 0) return [];
  const options = unitOptions(request, rows);
  const targets = pairs(request, rows);
  const units = disaggregatedUnits(rows.prefill, rows.decode, targets, options);
  if (mode === "load-match") {
    units.push(...unitsForLoad(rows.prefill, rows.decode, targets, loadOf(request), options));
  }
  if (units.length > 0) return units;
  const anything = [{ ttftMs: Number.POSITIVE_INFINITY, tpotMs: Number.POSITIVE_INFINITY }];
  return disaggregatedUnits(rows.prefill, rows.decode, anything, options);
}

function pairs(request: PickingRequest, { prefill }: BackendRows): TargetPair[] {
  const { sla, workload } = request;
  if (sla.e2eLatencyMs !== undefined) {
    return requestTargets(sla.e2eLatencyMs, workload.osl, sla.given.ttft ? sla.ttftMs : undefined);
  }
  if (objectiveOf(request) !== undefined) return tokenTargets(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  const fastest = Math.min(...prefill.map((row) => row.latencyMs)) * TTFT_CORRECTION;
  const ttftMs = fastest < sla.ttftMs ? sla.ttftMs : fastest * (1 + 1e-9);
  return tokenTargets(ttftMs, sla.itlMs);
}

function ranked(request: PickingRequest, mode: "load-match" | "default", rows: readonly PlanRow[]): Ranking {
  const targets = targetsOf(request);
  if (mode === "load-match") return rankByLoad(rows, loadOf(request), request.hardware.totalGpus, targets);
  const objective = objectiveOf(request);
  if (objective !== undefined) return rankByObjective(rows, budgetOf(request), objective);
  return rankByThroughput(rows, budgetOf(request), targets);
}

function separateForScaling(request: PickingRequest, backends: readonly BackendRows[]): Ranking {
  const all = backends.map((rows) => {
    if (rows.prefill.length === 0 || rows.decode.length === 0) return NOTHING;
    return rankForAutoscaling(rows.prefill, rows.decode, targetsOf(request), unitOptions(request, rows));
  });
  return {
    rows: all.flatMap(({ rows }) => rows).slice(0, KEPT_ROWS),
    meets: all.some(({ meets }) => meets),
  };
}

/** One aggregated engine, the one with most throughput per GPU. */
function aggregatedForScaling(request: PickingRequest, backends: readonly BackendRows[]): Ranking {
  const targets = targetsOf(request);
  const { rows, meets } = rankByLoad(aggregatedRows(request, backends), { concurrency: 1 }, undefined, targets);
  const single = rows.map((row) => ({ ...row, replicas: 1 }));
  return { rows: single.sort((a, b) => b.tokensPerSecondPerGpu - a.tokensPerSecondPerGpu), meets };
}

function unitOptions(request: PickingRequest, { backend, backendVersion }: BackendRows): UnitOptions {
  return {
    backend,
    ...(backendVersion === undefined ? {} : { backendVersion }),
    osl: request.workload.osl,
    sameTp: needsSameTp(backend),
    budget: request.hardware.totalGpus,
  };
}
