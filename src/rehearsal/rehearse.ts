import { dirname, resolve } from "node:path";
import type { TransferModel } from "#mocker/engine";
import { createPlanner, type Planner, type PlannerConfig, type PlannerContext, surfaceFamilyOf } from "#planner/core";
import type { PredictorTools } from "#planner/predictors";
import { trafficHistory } from "#planner/traces";
import { buildSurface, loadProfile, type Profile } from "#profiles";
import { checkExpectations, type Scenario, scenarioWorkload, type Workload } from "#scenarios";
import type { BestStatic, ExpectationResult, ReportedRun, RowFile, RunFacts, RunRecord, StoredRun } from "#src/record";
import { measuredValues, type RunSummary, summarize } from "#src/report";
import { type SimulationSpec, type SimulationSteps, simulate, simulateInSteps, simulateOntoDisk } from "#src/simulator";
import { bestStatic } from "#src/study";
import { withPlannerPlaces } from "./engine-places.ts";
import { profileNeeded, unknownKvBytes } from "./errors.ts";
import { estimatedEngine } from "./estimated-engine.ts";
import { kvBytesPerToken, poolSpec } from "./pools.ts";

export type RunnableScenario = Scenario<PlannerConfig>;

/** GPUs up to which static deployments are searched where the planner has no limit of its own. */
const DEFAULT_STATIC_GPUS = 16;

/** A scenario made ready: files read, traffic drawn. It can be run any number of times. */
export interface Rehearsal {
  readonly scenario: RunnableScenario;
  readonly workload: Workload;
  readonly profile: Profile | null;
  /** What the simulator is told, without the planner; what live runs start as processes. */
  readonly simulation: SimulationSpec;
  /** The scenario's planner, or one of another configuration, in its first state; null where there is none. */
  newPlanner(config?: PlannerConfig): Planner | null;
  /** A run's record with the scenario's name tags on it. */
  labelled<Run extends RunFacts>(record: Run): Run;
  /** The whole scenario, planner included. */
  run(options?: RunOptions): RunRecord;
  /** The same step by step, for who may give it up before its end. */
  start(options?: RunOptions): RehearsalSteps<RunRecord>;
  /** The same with the rows of requests in a file, where they go while it runs; the file is its owner's to close. */
  startOntoDisk(file: RowFile, options?: RunOptions): RehearsalSteps<StoredRun>;
  /** The same traffic on the same deployment, with a planner in its first state. */
  play(planner: Planner | null, options?: RunOptions): RunRecord;
  /** The same with the rows of requests in a file. */
  playOntoDisk(file: RowFile, planner: Planner | null, options?: RunOptions): StoredRun;
  /** The same traffic on a deployment that stays as it is. */
  runStatic(workers: { prefill: number; decode: number }): RunRecord;
  /** The same with the rows of requests in a file. */
  staticOntoDisk(file: RowFile, workers: { prefill: number; decode: number }): StoredRun;
}

/** A run that its owner drives. */
export type RehearsalSteps<Run extends ReportedRun = RunRecord> = SimulationSteps<Run>;

export interface RunOptions {
  engine?: SimulationSpec["engine"];
  /** The planner in its first state once more, for a scenario that restarts it; absent: it comes back with what it knew. */
  newPlanner?: () => Planner;
  /** Hold the run against the invariants of a simulation. */
  check?: boolean;
  onProgress?: (nowMs: number, doneRequests: number) => void;
}

/** What a rehearsal takes from elsewhere in place of the scenario. */
export interface RehearsalParts {
  /** Traffic; the scenario's own is not read then. */
  workload?: Workload;
  /** Traffic from before, which the planner's predictors learn first. */
  history?: PlannerContext["history"];
}

/**
 * @param tools what the planner's predictors need of the outside (Prophet's library)
 * @throws UserError of the profiles, scenarios and planner rooms, REHEARSAL_…
 */
export function prepareRehearsal(
  scenario: RunnableScenario,
  tools: PredictorTools = {},
  parts: RehearsalParts = {},
): Rehearsal {
  const { deployment } = scenario;
  const profile = deployment.profile === null ? null : loadProfile(deployment.profile);
  const workload = parts.workload ?? scenarioWorkload(scenario);
  const base = simulationSpec(scenario, profile, workload);
  const history = parts.history === undefined ? plannerHistory(scenario) : { history: parts.history };
  const plannerOf = (config: PlannerConfig | null) =>
    scenarioPlanner({ ...scenario, planner: config }, base, profile, { predictorTools: tools, ...history });
  const labelled = <Run extends RunFacts>(record: Run): Run => ({
    ...record,
    seed: scenario.seed,
    ...(record.tenants === undefined ? {} : { tenantSlas: scenario.tenantSlas ?? {} }),
    ...(scenario.shows === null ? {} : { shows: scenario.shows }),
    ...(profile === null ? {} : { profile: profile.name }),
  });
  const withPlanner = (planner: Planner | null, options: RunOptions = {}): SimulationSpec => ({
    ...base,
    ...options,
    ...(planner === null ? {} : { planner }),
  });
  const withWorkers = ({ prefill, decode }: { prefill: number; decode: number }): SimulationSpec => ({
    ...base,
    prefill: base.prefill === null ? null : { ...base.prefill, workers: prefill },
    decode: { ...base.decode, workers: decode },
  });
  const ontoDisk = (file: RowFile, spec: SimulationSpec): StoredRun => {
    const steps = simulateOntoDisk(spec, file);
    while (steps.advance());
    return labelled(steps.result());
  };
  const newPlanner = () => plannerOf(scenario.planner);
  const whole = (options: RunOptions = {}): SimulationSpec => {
    const planner = newPlanner();
    return {
      ...base,
      ...options,
      ...(planner === null ? {} : { planner, newPlanner: options.newPlanner ?? (() => newPlanner()!) }),
    };
  };
  const driven = <Run extends ReportedRun>(steps: SimulationSteps<Run>): RehearsalSteps<Run> => ({
    advance: () => steps.advance(),
    get missed() {
      return steps.missed;
    },
    result: () => labelled(steps.result()),
  });
  return {
    scenario,
    workload,
    profile,
    simulation: base,
    newPlanner: (config) => plannerOf(config ?? scenario.planner),
    labelled,
    run: (options) => labelled(simulate(whole(options))),
    start: (options) => driven<RunRecord>(simulateInSteps(whole(options))),
    startOntoDisk: (file, options) => driven(simulateOntoDisk(whole(options), file)),
    play: (planner, options) => labelled(simulate(withPlanner(planner, options))),
    playOntoDisk: (file, planner, options) => ontoDisk(file, withPlanner(planner, options)),
    runStatic: (workers) => labelled(simulate(withWorkers(workers))),
    staticOntoDisk: (file, workers) => ontoDisk(file, withWorkers(workers)),
  };
}

function simulationSpec(scenario: RunnableScenario, profile: Profile | null, workload: Workload): SimulationSpec {
  const { deployment, sla } = scenario;
  return {
    name: scenario.name,
    seed: scenario.seed,
    workload,
    prefill: deployment.prefill === null ? null : poolSpec(deployment, "prefill", profile, scenario),
    decode: poolSpec(deployment, "decode", profile, scenario),
    router: deployment.router,
    transfer: transferModel(scenario, profile),
    sla,
    ...(scenario.faults.length === 0 ? {} : { faults: scenario.faults }),
    ...(scenario.clients === null ? {} : { clients: scenario.clients }),
    ...profiledPrefill(scenario, profile),
    quirks: { passesBeforeArrivals: deployment.quirks.includes("passesBeforeArrivals") },
    engine: "skipping",
    minEndMs: Math.min(workload.horizonMs, scenario.endMs ?? Number.POSITIVE_INFINITY),
    ...(scenario.endMs === null ? {} : { endMs: scenario.endMs }),
  };
}

function transferModel(scenario: RunnableScenario, profile: Profile | null): TransferModel | null {
  const { transfer } = scenario.deployment;
  if (transfer === null) return null;
  const bytesPerToken = transfer.bytesPerToken ?? kvBytesPerToken(estimatedEngine(scenario.deployment.decode), profile);
  if (bytesPerToken === undefined) {
    throw unknownKvBytes(
      scenario.locate(["deployment", "kvTransfer"]),
      scenario.deployment.profile ?? "(none)",
      "kvTransfer",
    );
  }
  return { bytesPerToken, bytesPerSecond: transfer.bytesPerSecond, timing: transfer.timing };
}

/** The engine that the profile promises the planner, where the scenario's is another one. */
function profiledPrefill(
  { deployment, planner }: RunnableScenario,
  profile: Profile | null,
): Pick<SimulationSpec, "profiledPrefill"> {
  const role = deployment.prefill === null ? "decode" : "prefill";
  const settings = deployment.prefill ?? deployment.decode;
  const { timing, speedupRatio } = settings.engine;
  const asProfiled = (timing === undefined || timing.kind === "profile") && (speedupRatio ?? 1) === 1;
  if (planner === null || profile === null || asProfiled) return {};
  const engine = { ...settings.engine, timing: undefined, speedupRatio: undefined };
  const promised = { ...deployment, [role]: { ...settings, engine } };
  return { profiledPrefill: poolSpec(promised, role, profile).engine };
}

/** The trace that the planner is to have seen before, read once. */
function plannerHistory({ planner, file }: RunnableScenario): Pick<PlannerContext, "history"> {
  const trace = planner !== null && "warmupTrace" in planner ? planner.warmupTrace : undefined;
  return trace === undefined ? {} : { history: trafficHistory(resolve(dirname(file), trace)) };
}

function scenarioPlanner(
  { planner: config, sla, locate }: RunnableScenario,
  spec: SimulationSpec,
  profile: Profile | null,
  outside: Pick<PlannerContext, "history" | "predictorTools">,
): Planner | null {
  if (config === null) return null;
  if (profile === null) throw profileNeeded(locate(["planner"]));
  const { prefill, decode, transfer } = spec;
  const context: PlannerContext = {
    mode: prefill === null ? "agg" : "disagg",
    sla,
    gpusPerWorker: { prefill: prefill?.gpusPerWorker ?? 0, decode: decode.gpusPerWorker },
    startupMs: { prefill: prefill?.startupMs ?? 0, decode: decode.startupMs },
    transferMsPerToken: transfer === null ? 0 : (transfer.bytesPerToken / transfer.bytesPerSecond) * 1000,
    maxDecodeSequences: decode.engine.maxNumSeqs * decode.dpSize,
    maxBatchedTokens: (prefill ?? decode).engine.maxNumBatchedTokens,
    ranksPerWorker: { prefill: prefill?.dpSize ?? 1, decode: decode.dpSize },
    kvTokensPerRank: decode.engine.numGpuBlocks * decode.engine.blockSize,
    profile,
    ...outside,
  };
  const surface = buildSurface(profile, surfaceFamilyOf(config.strategy));
  return withPlannerPlaces({ locate }, () => createPlanner(config, context, surface));
}

/** GPUs that the search for static deployments may use. */
export function staticSearchGpus(scenario: RunnableScenario): number {
  const limit = scenario.planner !== null && "maxGpus" in scenario.planner ? scenario.planner.maxGpus : undefined;
  return (typeof limit === "object" ? limit?.total : limit) ?? DEFAULT_STATIC_GPUS;
}

/**
 * The best deployments that would not have scaled, found by replaying the rehearsal's own traffic.
 * @param run replays it on a deployment; default: with the rows of requests in memory
 */
export function bestStaticOf(
  rehearsal: Rehearsal,
  onProgress?: (tried: number, left: number) => void,
  floor?: number,
  run: (workers: { prefill: number; decode: number }) => ReportedRun = rehearsal.runStatic,
): BestStatic {
  const probe = simulationSpec(rehearsal.scenario, rehearsal.profile, rehearsal.workload);
  return bestStatic({
    run,
    mode: probe.prefill === null ? "agg" : "disagg",
    gpusPerWorker: { prefill: probe.prefill?.gpusPerWorker ?? 0, decode: probe.decode.gpusPerWorker },
    maxGpus: staticSearchGpus(rehearsal.scenario),
    bounds: { requests: rehearsal.workload.count, seconds: (probe.minEndMs ?? 0) / 1000 },
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(floor === undefined ? {} : { floor }),
  });
}

/** Judges a run by its scenario's `expect:`; the record comes back with the results. */
export function judge<Run extends ReportedRun>(
  scenario: RunnableScenario,
  record: Run,
): { record: Run; summary: RunSummary } {
  const summary = summarize(record);
  const measured = measuredValues(record, summary);
  const expectations = checkExpectations(scenario.expect, measured).map(
    ({ name, expected, actual, passed, path }): ExpectationResult => ({
      name,
      expected,
      actual,
      passed,
      where: scenario.locate(["expect", ...path]),
    }),
  );
  return { record: { ...record, expectations }, summary: { ...summary, expectations } };
}
