import { engineFactory, newPassCounters } from "#mocker/engine";
import { type EngineCounters, type RequestTable, type RoutingRecord, requestTable, tenantsOfRows } from "#src/record";
import { Checker } from "./check/checker.ts";
import { Simulation } from "./simulation.ts";
import type { SimulationResult, SimulationSpec } from "./types.ts";

/**
 * Rehearses a deployment under a workload in virtual time. Same input, same result to the last bit.
 * @param makeEngines who makes the engines of a pool
 * @throws UserError SIMULATOR_INVARIANTS, with `check`
 */
export function simulate(spec: SimulationSpec, makeEngines: typeof engineFactory = engineFactory): SimulationResult {
  const steps = simulateInSteps(spec, makeEngines);
  while (steps.advance());
  return steps.result();
}

/** A simulation that its owner drives, and may give up at any window. */
export interface SimulationSteps {
  /** Goes on to the end of a timeline window. @returns false where the run is over */
  advance(): boolean;
  /** Completed requests so far that missed the SLA, of those that could keep it. */
  readonly missed: number;
  /** What came of it until here; requests that have no end yet are unfinished. Once, and then it is over. */
  result(): SimulationResult;
}

/** The same step by step, for who has to look up from time to time. @throws as `simulate` */
export function simulateInSteps(
  spec: SimulationSpec,
  makeEngines: typeof engineFactory = engineFactory,
): SimulationSteps {
  const checker = spec.check === true ? new Checker(spec) : null;
  const simulation = new Simulation(spec, (role, columns) => {
    const make = makeEngines(spec.engine, columns);
    return checker === null ? make : checker.engines(role, make, () => simulation);
  });
  simulation.begin();
  let isOver = false;
  return {
    advance: () => {
      isOver = !simulation.advance();
      return !isOver;
    },
    get missed() {
      return simulation.observer.missed;
    },
    result: () => {
      simulation.end();
      const result = resultOf(simulation);
      checker?.finish(result, !isOver);
      return result;
    },
  };
}

function resultOf(simulation: Simulation): SimulationResult {
  const { spec } = simulation;
  const { outcomes, scaler, prefillPool, decodePool } = simulation;
  const perUserThroughput = simulation.perUser.statistics();
  const counters = engineCounters(simulation);
  const sent = sentRequests(outcomes.table, simulation.feasible, simulation.desk.record);
  return {
    name: spec.name,
    mode: prefillPool === null ? "agg" : "disagg",
    sla: spec.sla,
    requests: sent.table,
    feasible: sent.feasible,
    ...(sent.routing === null ? {} : { routing: sent.routing }),
    ...(spec.workload.tenants === undefined ? {} : { tenants: tenantsOfRows(spec.workload.tenants, sent.rows) }),
    gaps: simulation.gaps.statistics(),
    perUserThroughput,
    durationMs: lastTokenOf(sent.table),
    endMs: simulation.nowMs,
    gpusPerWorker: { prefill: spec.prefill?.gpusPerWorker ?? 0, decode: spec.decode.gpusPerWorker },
    workers: [...(prefillPool?.workers ?? []), ...decodePool.workers].map((worker) => worker.life),
    scalingEvents: scaler.events,
    decisions: scaler.decisions,
    timeline: simulation.recorder.timeline,
    ...(simulation.faults === null ? {} : { faults: simulation.faults.records }),
    engine: counters,
    committedPrefillTokens: counters.scheduledPrefillTokens,
    admissions: outcomes.admissions,
    transfers: outcomes.transfers,
    ranks: outcomes.ranks,
  };
}

function lastTokenOf(table: RequestTable): number {
  let last = 0;
  for (let i = 0; i < table.count; i++) {
    const atMs = table.lastTokenMs[i]!;
    if (atMs > last) last = atMs;
  }
  return last;
}

function engineCounters(simulation: Simulation): EngineCounters {
  const sum = newPassCounters();
  for (const { counters } of simulation.engines) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += counters[name];
  }
  const models = new Set([simulation.spec.prefill?.engine.timing, simulation.spec.decode.engine.timing]);
  let extrapolations = 0;
  for (const model of models) extrapolations += model?.extrapolations() ?? 0;
  const { prefillMs: _prefillMs, hostLoadMs: _hostLoadMs, ...counted } = sum;
  return { ...counted, extrapolations };
}

/** Without the rows of requests that were never sent (a closed loop's time was over, the run was cut). */
function sentRequests(table: RequestTable, feasible: Uint8Array, routing: RoutingRecord | null) {
  const sent: number[] = [];
  for (let i = 0; i < table.count; i++) if (!Number.isNaN(table.arrivalMs[i]!)) sent.push(i);
  if (sent.length === table.count) return { table, feasible, routing, rows: sent };
  const kept = requestTable(sent.length);
  for (const key of Object.keys(kept) as (keyof RequestTable)[]) {
    if (key === "count") continue;
    const from = table[key];
    const to = kept[key];
    sent.forEach((row, i) => {
      to[i] = from[row]!;
    });
  }
  return {
    rows: sent,
    table: kept,
    feasible: Uint8Array.from(sent, (row) => feasible[row]!),
    routing: routing && {
      ...routing,
      overlapBlocks: Int32Array.from(sent, (row) => routing.overlapBlocks[row]!),
      bestOverlapBlocks: Int32Array.from(sent, (row) => routing.bestOverlapBlocks[row]!),
      waitMs: Float64Array.from(sent, (row) => routing.waitMs[row]!),
    },
  };
}
