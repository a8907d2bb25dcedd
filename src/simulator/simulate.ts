import { engineFactory, newPassCounters, type RequestColumns } from "#mocker/engine";
import {
  type EngineCounters,
  onlySent,
  type RequestTable,
  type RoleName,
  type RowFile,
  type RunFacts,
  StoredRows,
  type StoredRun,
} from "#src/record";
import { Checker } from "./check/checker.ts";
import { Simulation } from "./simulation.ts";
import type { SimulationResult, SimulationSpec } from "./types.ts";

/**
 * Rehearses a deployment under a workload in virtual time. Same input, same result to the last bit.
 * @param makeEngines who makes the engines of a pool
 * @throws UserError SIMULATOR_INVARIANTS, with `check`; ENGINE_STUCK, with the quirk `abortOnStuck` of an engine
 */
export function simulate(spec: SimulationSpec, makeEngines: typeof engineFactory = engineFactory): SimulationResult {
  const steps = simulateInSteps(spec, makeEngines);
  while (steps.advance());
  return steps.result();
}

/** A simulation that its owner drives, and may give up at any window. */
export interface SimulationSteps<Result = SimulationResult> {
  /** Goes on to the end of a timeline window. @returns false where the run is over */
  advance(): boolean;
  /** Completed requests so far that missed the SLA, of those that could keep it. */
  readonly missed: number;
  /** What came of it until here; requests that have no end yet are unfinished. Once, and then it is over. */
  result(): Result;
}

/** The same step by step, for who has to look up from time to time. @throws as `simulate` */
export function simulateInSteps(
  spec: SimulationSpec,
  makeEngines: typeof engineFactory = engineFactory,
): SimulationSteps<SimulationResult> {
  return stepsOf(spec, makeEngines, null, inMemory);
}

/** The same with the rows of requests in a file, where they go while it runs; the file is its owner's to close. @throws as `simulate`, and what writing to the file does */
export function simulateOntoDisk(spec: SimulationSpec, file: RowFile): SimulationSteps<StoredRun> {
  return stepsOf(spec, engineFactory, file, (simulation) => onDisk(simulation, file));
}

function stepsOf<Result extends SimulationResult | StoredRun>(
  spec: SimulationSpec,
  makeEngines: typeof engineFactory,
  file: RowFile | null,
  resultOf: (simulation: Simulation) => Result,
): SimulationSteps<Result> {
  const checker = spec.check === true ? new Checker(spec) : null;
  // Runs of one rehearsal share their models, which go on counting.
  const extrapolatedBefore = extrapolationsOf(spec);
  const make = (role: RoleName, columns: RequestColumns) => {
    const factory = makeEngines(spec.engine, columns);
    return checker === null ? factory : checker.engines(role, factory, () => simulation);
  };
  const simulation: Simulation = new Simulation(spec, make, file);
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
      result.engine.extrapolations -= extrapolatedBefore;
      checker?.finish(result, !isOver);
      return result;
    },
  };
}

function inMemory(simulation: Simulation): SimulationResult {
  const { spec, outcomes } = simulation;
  const sent = onlySent({ ...columnsInMemory(simulation), requests: outcomes.pages.page(0) });
  const { tenants } = spec.workload;
  const counters = engineCounters(simulation);
  return {
    ...factsOf(simulation, counters, [sent]),
    requests: sent.requests,
    feasible: sent.feasible,
    ...(sent.routing === null ? {} : { routing: sent.routing }),
    ...(tenants === undefined ? {} : { tenants: { names: tenants.names, of: sent.tenantOf! } }),
    perUserThroughput: simulation.perUser.statistics(),
    committedPrefillTokens: counters.scheduledPrefillTokens,
    admissions: outcomes.admissions,
    transfers: outcomes.transfers,
    ranks: outcomes.ranks,
  };
}

function onDisk(simulation: Simulation, file: RowFile): StoredRun {
  const { tenants } = simulation.spec.workload;
  const rows = new StoredRows(file, columnsInMemory(simulation), simulation.outcomes.pages.store(file));
  return {
    ...factsOf(simulation, engineCounters(simulation), rows),
    ...(tenants === undefined ? {} : { tenants: { names: tenants.names } }),
    rows,
  };
}

function columnsInMemory({ spec, feasible, desk }: Simulation) {
  return { feasible, tenantOf: spec.workload.tenants?.of ?? null, routing: desk.record };
}

function factsOf(
  simulation: Simulation,
  counters: EngineCounters,
  blocks: Iterable<{ requests: RequestTable }>,
): Omit<RunFacts, "tenants"> {
  const { spec, scaler, prefillPool, decodePool } = simulation;
  return {
    name: spec.name,
    mode: prefillPool === null ? "agg" : "disagg",
    sla: spec.sla,
    gaps: simulation.gaps.statistics(),
    durationMs: lastTokenOf(blocks),
    endMs: simulation.nowMs,
    gpusPerWorker: { prefill: spec.prefill?.gpusPerWorker ?? 0, decode: spec.decode.gpusPerWorker },
    workers: [...(prefillPool?.workers ?? []), ...decodePool.workers].map((worker) => worker.life),
    scalingEvents: scaler.events,
    decisions: scaler.decisions,
    timeline: simulation.recorder.timeline,
    ...(simulation.faults === null ? {} : { faults: simulation.faults.records }),
    engine: counters,
  };
}

function lastTokenOf(blocks: Iterable<{ requests: RequestTable }>): number {
  let last = 0;
  for (const { requests } of blocks) {
    const { lastTokenMs } = requests;
    for (let i = 0; i < requests.count; i++) if (lastTokenMs[i]! > last) last = lastTokenMs[i]!;
  }
  return last;
}

function engineCounters(simulation: Simulation): EngineCounters {
  const sum = newPassCounters();
  const names = Object.keys(sum) as (keyof typeof sum)[];
  for (const { counters } of simulation.engines) for (const name of names) sum[name] += counters[name];
  const { prefillMs: _prefillMs, hostLoadMs: _hostLoadMs, ...counted } = sum;
  return { ...counted, extrapolations: extrapolationsOf(simulation.spec) };
}

/** How often the models of a run's times have been asked beyond what was measured, since they were made. */
function extrapolationsOf({ prefill, decode }: SimulationSpec): number {
  const models = new Set([prefill?.engine.timing, decode.engine.timing]);
  let sum = 0;
  for (const model of models) sum += model?.extrapolations() ?? 0;
  return sum;
}
