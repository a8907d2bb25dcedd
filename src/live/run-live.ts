import { type Lateness, TimerQueue, wallClock } from "#common";
import { transferMs } from "#mocker/engine";
import type { Planner } from "#planner/core";
import { scrapeSource } from "#planner/sources";
import { asClosedLoop } from "#scenarios";
import { type LoadClients, type LoadFacts, runLoad, sendTimes } from "#src/loadgen";
import type { ReportedRun, RunRecord } from "#src/record";
import type { Rehearsal } from "#src/rehearsal";
import { feasibleRequests, idlePrefills } from "#src/simulator";
import { type DeploymentReport, LIVE_MODEL, LiveDeployment, type ProcessLag } from "./deployment.ts";
import { interrupted } from "./errors.ts";
import { LiveFaults } from "./faults/live-faults.ts";
import { LagWatch } from "./lag.ts";
import { type KeptLoad, keepInMemory, type LoadKeeper } from "./load-keeper.ts";
import { PlannerLoop } from "./planner-loop.ts";
import { reasoningOf } from "./reasoning.ts";
import { TimelineSampler } from "./timeline-sampler.ts";

/** From the end of the preparations to the start of the traffic, real ms: the first request should not be late already. */
const LEAD_MS = 500;
/** Requests under way at a time while the processes warm up, and how long they do, real ms. */
const WARM_UP_CONCURRENCY = 8;
const WARM_UP_MS = 2000;

export interface LiveRunOptions {
  /** Model ms per real ms. Default 1. */
  timeScale?: number;
  /** Processes that share the workers of a role. Default 1. */
  processes?: number;
  /** Ends the run; its reason is thrown. */
  signal?: AbortSignal;
  /** Model ms since the start of the traffic, and requests that have ended. */
  onProgress?: (nowMs: number, doneRequests: number) => void;
}

/** What the machine added to the model's times, real ms. */
export interface LiveLag {
  /** Event loops of frontend and workers: how late they woke up. */
  processes: ProcessLag;
  /** Dispatch − schedule of the load generator's requests. */
  generator: Pick<Lateness, "count" | "meanMs" | "p99Ms" | "maxMs">;
  /** Event loop of the process that generated the load. */
  client: Lateness;
  /** How late the planner's ticks were, and how long they took. */
  ticks: { late: Lateness; took: Lateness };
}

export interface LiveRun<Run extends ReportedRun = RunRecord> {
  record: Run;
  timeScale: number;
  lag: LiveLag;
  /** What makes the numbers less than they seem; what the planner could not see. */
  warnings: string[];
}

/**
 * The scenario with real processes: a frontend, the workers of each role, the planner and the load generator here. All
 * processes end with this call, however it ends.
 * @param keeper where the rows of requests are; default: in memory
 * @throws UserError LIVE_…, and what the rooms behind it throw
 */
export function runLive(rehearsal: Rehearsal, options?: LiveRunOptions): Promise<LiveRun>;
export function runLive<Run extends ReportedRun>(
  rehearsal: Rehearsal,
  options: LiveRunOptions,
  keeper: LoadKeeper<Run>,
): Promise<LiveRun<Run>>;
export async function runLive(
  rehearsal: Rehearsal,
  options: LiveRunOptions = {},
  keeper: LoadKeeper<ReportedRun> = keepInMemory,
): Promise<LiveRun<ReportedRun>> {
  const { timeScale = 1, processes = 1 } = options;
  const failure = new AbortController();
  const signal = options.signal === undefined ? failure.signal : AbortSignal.any([options.signal, failure.signal]);
  const deployment = await LiveDeployment.start({
    deployment: rehearsal.scenario.deployment,
    simulation: rehearsal.simulation,
    timeScale,
    processes,
    onFailure: (error) => failure.abort(error),
  });
  try {
    signal.throwIfAborted();
    return await run(rehearsal, deployment, keeper, { ...options, timeScale, signal });
  } catch (error) {
    // Whatever went wrong first is why the rest did.
    throw signal.aborted ? reasonOf(signal) : error;
  } finally {
    await deployment.stop();
  }
}

async function run<Run extends ReportedRun>(
  rehearsal: Rehearsal,
  deployment: LiveDeployment,
  keeper: LoadKeeper<Run>,
  options: LiveRunOptions & { timeScale: number; signal: AbortSignal },
): Promise<LiveRun<Run>> {
  const { simulation, workload } = rehearsal;
  const { timeScale, signal, onProgress } = options;
  const planner = rehearsal.newPlanner();
  const how = { prompts: { format: "ids", seed: simulation.seed }, sendRequestStart: true, signal } as const;
  const target = (url: string) => ({ url, model: LIVE_MODEL, endpoint: "completions" }) as const;
  await deployment.warmUp((url) =>
    runLoad({ ...how, workload: asClosedLoop(workload, WARM_UP_CONCURRENCY), target: target(url), endMs: WARM_UP_MS }),
  );
  signal.throwIfAborted();
  const clock = wallClock(timeScale, performance.timeOrigin + performance.now() + LEAD_MS);
  const timers = new TimerQueue(clock);
  const faults = liveFaults(rehearsal, deployment, timers);
  const loop = planner === null ? null : plannerLoop(rehearsal, deployment, planner, timers, faults);
  const sampler = new TimelineSampler(deployment, timers, simulation);
  const watch = new LagWatch(clock);
  try {
    const failed = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(reasonOf(signal)), { once: true });
      loop?.begin(reject);
      faults?.begin(reject);
      sampler.begin(reject);
    });
    failed.catch(() => {});
    const load = await Promise.race([
      failed,
      keeper.send({
        ...how,
        workload,
        target: target(deployment.url),
        clock,
        startMs: 0,
        clients: clientsOf(rehearsal),
        ...reasoningOf(rehearsal),
        ...(simulation.endMs === undefined ? {} : { endMs: simulation.endMs }),
        ...(onProgress === undefined ? {} : { onProgress: ({ nowMs, done }) => onProgress(nowMs, done) }),
      }),
    ]);
    const endMs = runEndMs(load, simulation);
    await Promise.race([failed, Promise.all([loop?.end(endMs), faults?.end(endMs), sampler.end()])]);
    const lag = watch.lateness();
    const warnings = [...load.warnings.map(({ text }) => text), ...(loop?.problems ?? [])];
    await faults?.settled(load);
    const sample = await sampler.now();
    const report = await deployment.close();
    const record = liveRecord(rehearsal, { deployment, load, report, loop, endMs });
    return {
      record: {
        ...record,
        timeline: sampler.timeline(sendTimes(load), endMs, sample),
        ...(faults === null ? {} : { faults: [...faults.records] }),
      },
      timeScale,
      lag: {
        processes: report.lag,
        generator: realLateness(load.lateness, timeScale),
        client: lag,
        ticks: loop?.lag() ?? { late: NO_LAG, took: NO_LAG },
      },
      warnings,
    };
  } finally {
    timers.close();
    watch.close();
    await loop?.close();
    sampler.close();
  }
}

function liveFaults(rehearsal: Rehearsal, deployment: LiveDeployment, timers: TimerQueue): LiveFaults | null {
  const { faults } = rehearsal.scenario;
  const newPlanner = () => rehearsal.newPlanner()!;
  return faults.length === 0 ? null : new LiveFaults({ faults, deployment, timers, newPlanner });
}

function plannerLoop(
  { simulation }: Rehearsal,
  deployment: LiveDeployment,
  planner: Planner,
  timers: TimerQueue,
  faults: LiveFaults | null,
): PlannerLoop {
  const { clock } = timers;
  const { actual, profiled } = idlePrefills(simulation);
  const { sla, transfer, prefill } = simulation;
  const source = scrapeSource({
    clock,
    startMs: 0,
    frontends: [deployment.url],
    workers: () => deployment.sourceWorkers(),
    sla,
    feasible: (isl) => actual.ms(isl, 0) + transferMs(transfer, isl) <= sla.ttftMs,
    idlePrefillMs: (isl, cachedTokens) => profiled.ms(isl, cachedTokens),
    disaggregated: prefill !== null,
    forwardPasses: planner.strategy === "load-compat",
  });
  return new PlannerLoop({ planner, source, deployment, timers, faults });
}

/** The scenario's clients, whose waits are drawn as in virtual time. */
export function clientsOf({ simulation: { clients, seed } }: Rehearsal): LoadClients | null {
  return clients ? { behaviour: clients, seed } : null;
}

/** When a run is over, model ms, as the simulator has it: the last request's end, the traffic's end at least, the limit at most. */
export function runEndMs(
  load: Pick<LoadFacts, "counts" | "endMs">,
  { endMs, minEndMs = 0 }: Rehearsal["simulation"],
): number {
  if (endMs !== undefined && load.counts.unfinished > 0) return endMs;
  return Math.max(load.endMs, minEndMs);
}

function liveRecord<Run extends ReportedRun>(
  { simulation, workload, labelled }: Rehearsal,
  made: {
    deployment: LiveDeployment;
    load: KeptLoad<Run>;
    report: DeploymentReport;
    loop: PlannerLoop | null;
    endMs: number;
  },
): Run {
  const { name, sla, prefill, decode } = simulation;
  const { pools } = made.deployment;
  return labelled(
    made.load.record({
      name,
      sla,
      mode: prefill === null ? "agg" : "disagg",
      endMs: made.endMs,
      gpusPerWorker: { prefill: prefill?.gpusPerWorker ?? 0, decode: decode.gpusPerWorker },
      workers: [...(pools.prefill?.workers ?? []), ...pools.decode!.workers].map(({ life }) => life),
      scalingEvents: made.loop?.scaler.events ?? [],
      decisions: made.loop?.scaler.decisions ?? [],
      engine: made.report.counters,
      feasible: feasibleRequests(simulation, workload, idlePrefills(simulation).actual),
    }),
  );
}

const NO_LAG: Lateness = { count: 0, meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };

/** Lateness of the load generator, which counts in model ms, in real ms. @param timeScale model time by real time */
export function realLateness({ count, meanMs, p99Ms, maxMs }: LoadFacts["lateness"], timeScale: number) {
  return { count, meanMs: meanMs / timeScale, p99Ms: p99Ms / timeScale, maxMs: maxMs / timeScale };
}

/** Why a run was ended from outside: the error that `signal` was aborted with, else LIVE_INTERRUPTED. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error && signal.reason.name !== "AbortError"
    ? signal.reason
    : interrupted("its caller");
}
