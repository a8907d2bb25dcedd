import { wallClock } from "#common";
import type { Expectation } from "#scenarios";
import { resolveModel } from "#src/loadgen";
import type { ReportedRun } from "#src/record";
import type { Rehearsal } from "#src/rehearsal";
import { feasibleRequests, idlePrefills } from "#src/simulator";
import { checkNoFaults } from "./faults/check.ts";
import type { LoadKeeper } from "./load-keeper.ts";
import { clientsOf, type LiveRun, type LiveRunOptions, realLateness } from "./run-live.ts";

export interface UrlRunOptions extends Omit<LiveRunOptions, "processes"> {
  url: string;
  /** Default: the only one that the server lists. */
  model?: string;
  apiKey?: string;
  endpoint?: "chat" | "completions";
}

/**
 * A scenario's traffic sent to a server that is there. What happens behind it is its own business: no workers are started, no
 * planner runs.
 * @param keeper where the rows of requests are
 * @throws UserError LIVE_FAULT_UNSUPPORTED, LOADGEN_…
 */
export async function runAtUrl<Run extends ReportedRun>(
  rehearsal: Rehearsal,
  options: UrlRunOptions,
  keeper: LoadKeeper<Run>,
): Promise<Pick<LiveRun<Run>, "record" | "timeScale" | "warnings"> & { lag: Pick<LiveRun["lag"], "generator"> }> {
  const { scenario, simulation, workload, labelled } = rehearsal;
  checkNoFaults(scenario);
  const { url, apiKey, timeScale = 1, signal, onProgress, endpoint = "chat" } = options;
  const server = { url, endpoint, ...(apiKey === undefined ? {} : { apiKey }) };
  const load = await keeper.send({
    workload,
    target: { ...server, model: await resolveModel(server, options.model) },
    prompts: { seed: simulation.seed },
    clock: wallClock(timeScale),
    clients: clientsOf(rehearsal),
    ...(signal === undefined ? {} : { signal }),
    ...(simulation.endMs === undefined ? {} : { endMs: simulation.endMs }),
    ...(onProgress === undefined ? {} : { onProgress: ({ nowMs, done }) => onProgress(nowMs, done) }),
  });
  signal?.throwIfAborted();
  const { name, sla, prefill } = simulation;
  const record = load.record({
    name,
    sla,
    mode: prefill === null ? "agg" : "disagg",
    feasible: feasibleRequests(simulation, workload, idlePrefills(simulation).actual),
  });
  const generator = realLateness(load.lateness, timeScale);
  return { record: labelled(record), timeScale, lag: { generator }, warnings: load.warnings.map(({ text }) => text) };
}

/** Measures of a deployment that a client can't see. */
const OF_THE_DEPLOYMENT: ReadonlySet<string> = new Set([
  "preemptions",
  "scaleEvents",
  "goodputPerGpu",
  "gpuHours",
  "averageGpus",
  "peakGpus",
]);

/** Expectations that a client can judge, and those that it can't. */
export function clientExpectations(expect: readonly Expectation[]): { judged: Expectation[]; left: Expectation[] } {
  const isLeft = (one: Expectation) => one.kind === "replicas" || OF_THE_DEPLOYMENT.has(one.name);
  return { judged: expect.filter((one) => !isLeft(one)), left: expect.filter(isLeft) };
}
