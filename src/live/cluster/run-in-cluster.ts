import { type Clock, wallClock } from "#common";
import { type ClusterOptions, realPace } from "#planner/connectors";
import type { Expectation } from "#scenarios";
import { AppliedDeployment, type ReplicaCounts, rehearsedDeployment } from "#src/deployment";
import type { ReportedRun, RoleName, Timeline } from "#src/record";
import type { Rehearsal } from "#src/rehearsal";
import { feasibleRequests, idlePrefills } from "#src/simulator";
import { checkNoFaults } from "../faults/check.ts";
import type { KeptLoad, LoadKeeper } from "../load-keeper.ts";
import { reasoningOf } from "../reasoning.ts";
import { clientsOf, type LiveRun, type LiveRunOptions, realLateness, reasonOf, runEndMs } from "../run-live.ts";
import { frontendOf, plannerTick, timeScaleOf } from "./endpoints.ts";
import { ReplicaBook } from "./replica-book.ts";
import { scenarioParts } from "./scenario-parts.ts";

/** From the end of the preparations to the start of the traffic, real ms, at least. */
const LEAD_MS = 500;

export interface ClusterRunOptions extends Omit<LiveRunOptions, "processes"> {
  cluster: ClusterOptions;
  /** Of this program, for a cluster that runs containers. */
  image: string;
  /** Longest wait for the deployment to be ready, real ms. */
  readyMs: number;
  /** Address of the frontend; default: its pod's own. */
  url?: string;
  /** What is being done before the traffic begins. */
  onStage?: (text: string) => void;
}

export interface ClusterRun<Run extends ReportedRun> extends Pick<LiveRun<Run>, "record" | "timeScale" | "warnings"> {
  lag: Pick<LiveRun["lag"], "generator">;
  server: string;
  namespace: string;
  deployment: string;
}

/**
 * The scenario as a DynamoGraphDeployment of an API server's, whoever runs it there: applied, waited for, sent the traffic, watched,
 * and taken away again, however the run ends. Its planner is the one that scales.
 * @param keeper where the rows of requests are
 * @throws UserError LIVE_…, DEPLOYMENT_…, LOADGEN_…
 */
export async function runInCluster<Run extends ReportedRun>(
  rehearsal: Rehearsal,
  options: ClusterRunOptions,
  keeper: LoadKeeper<Run>,
): Promise<ClusterRun<Run>> {
  const { signal = new AbortController().signal, image, onStage = () => {} } = options;
  checkNoFaults(rehearsal.scenario);
  const parts = scenarioParts(rehearsal, image);
  onStage(`applying ${parts.name}`);
  const applied = await AppliedDeployment.apply({
    cluster: options.cluster,
    objects: (namespace) => rehearsedDeployment({ ...parts, namespace }),
    signal,
  });
  let run: ClusterRun<Run>;
  try {
    onStage(`waiting for ${applied.namespace}/${applied.name} to be ready`);
    run = await play(rehearsal, applied, { ...options, signal, onStage }, keeper);
  } catch (error) {
    await applied.delete();
    throw signal.aborted ? reasonOf(signal) : error;
  }
  onStage(`deleting ${applied.namespace}/${applied.name}`);
  run.warnings.push(...(await applied.delete()));
  return run;
}

type PlayOptions = ClusterRunOptions & Required<Pick<ClusterRunOptions, "signal" | "onStage">>;

async function play<Run extends ReportedRun>(
  rehearsal: Rehearsal,
  applied: AppliedDeployment,
  options: PlayOptions,
  keeper: LoadKeeper<Run>,
): Promise<ClusterRun<Run>> {
  const { signal, onStage, onProgress } = options;
  const { simulation, workload } = rehearsal;
  await applied.ready(options.readyMs, signal);
  const target = await frontendOf(applied, options.url, signal);
  const { timeScale, warning } = await timeScaleOf(applied, options.timeScale, signal);
  onStage("waiting for the planner's next decision, where the traffic begins");
  const clock = wallClock(timeScale, await startUnixMs(rehearsal, applied, timeScale, signal));
  const watch = new ReplicaWatch(applied, clock);
  const load = await keeper.send({
    workload,
    target: { ...target, endpoint: "completions" },
    prompts: { format: "ids", seed: simulation.seed },
    clock,
    startMs: 0,
    clients: clientsOf(rehearsal),
    ...reasoningOf(rehearsal),
    signal,
    ...(simulation.endMs === undefined ? {} : { endMs: simulation.endMs }),
    ...(onProgress === undefined ? {} : { onProgress: ({ nowMs, done }) => onProgress(nowMs, done) }),
  });
  signal.throwIfAborted();
  const endMs = runEndMs(load, simulation);
  await realPace.sleep(clock.waitMs(endMs), signal);
  signal.throwIfAborted();
  return {
    record: clusterRecord(rehearsal, load, watch, endMs),
    timeScale,
    lag: { generator: realLateness(load.lateness, timeScale) },
    warnings: [...(warning === null ? [] : [warning]), ...load.warnings.map(({ text }) => text)],
    server: applied.server,
    namespace: applied.namespace,
    deployment: applied.name,
  };
}

/** The traffic begins at a decision of the planner's, as it does in virtual time, so that assertions hold in both. */
async function startUnixMs(
  { scenario: { planner } }: Rehearsal,
  applied: AppliedDeployment,
  timeScale: number,
  signal: AbortSignal,
): Promise<number> {
  const now = () => performance.timeOrigin + performance.now();
  if (planner === null) return now() + LEAD_MS;
  const intervalMs = planner.interval / timeScale;
  const tick = await plannerTick(applied, intervalMs, signal);
  const earliest = now() + LEAD_MS;
  if (tick === null) return earliest;
  return tick + Math.max(0, Math.ceil((earliest - tick) / intervalMs)) * intervalMs;
}

/** What the API server tells of the replicas from the start of the traffic on. */
class ReplicaWatch {
  readonly books: Record<RoleName, ReplicaBook> = {
    prefill: new ReplicaBook("prefill"),
    decode: new ReplicaBook("decode"),
  };
  readonly #samples: { atMs: number; counts: Record<RoleName, ReturnType<ReplicaBook["counts"]>> }[] = [];

  constructor(applied: AppliedDeployment, clock: Clock) {
    applied.subscribe((components) => this.#see(components, Math.max(0, clock.nowMs())));
  }

  /** The timeline with the replicas at the ends of its windows. */
  inTimeline(timeline: Timeline, endMs: number): Timeline {
    const ends = timeline.startMs.map((_, i) => timeline.startMs[i + 1] ?? endMs);
    const at = ends.map((atMs) => this.#samples.findLast((sample) => sample.atMs <= atMs)?.counts);
    const row = (role: RoleName, state: "active" | "starting" | "draining") =>
      at.map((counts) => counts?.[role][state] ?? 0);
    return {
      ...timeline,
      prefillActive: row("prefill", "active"),
      prefillStarting: row("prefill", "starting"),
      prefillDraining: row("prefill", "draining"),
      decodeActive: row("decode", "active"),
      decodeStarting: row("decode", "starting"),
      decodeDraining: row("decode", "draining"),
    };
  }

  #see(components: ReadonlyMap<string, ReplicaCounts>, atMs: number): void {
    for (const role of ["prefill", "decode"] as const) {
      const seen = components.get(role);
      if (seen !== undefined) this.books[role].see(seen, atMs);
    }
    this.#samples.push({ atMs, counts: { prefill: this.books.prefill.counts(), decode: this.books.decode.counts() } });
  }
}

function clusterRecord<Run extends ReportedRun>(
  { simulation, workload, labelled }: Rehearsal,
  load: KeptLoad<Run>,
  watch: ReplicaWatch,
  endMs: number,
): Run {
  const { name, sla, prefill, decode } = simulation;
  const { books } = watch;
  const record = load.record(
    {
      name,
      sla,
      mode: prefill === null ? "agg" : "disagg",
      endMs,
      gpusPerWorker: { prefill: prefill?.gpusPerWorker ?? 0, decode: decode.gpusPerWorker },
      workers: [...books.prefill.lives(endMs), ...books.decode.lives(endMs)],
      scalingEvents: [...books.prefill.events, ...books.decode.events].sort((a, b) => a.atMs - b.atMs),
      feasible: feasibleRequests(simulation, workload, idlePrefills(simulation).actual),
    },
    endMs,
  );
  return labelled({ ...record, timeline: watch.inTimeline(record.timeline, endMs) });
}

/** Expectations that client and API server can judge, and those that they can't. */
export function clusterExpectations(expect: readonly Expectation[]): { judged: Expectation[]; left: Expectation[] } {
  const isLeft = (one: Expectation) => one.kind === "metric" && one.name === "preemptions";
  return { judged: expect.filter((one) => !isLeft(one)), left: expect.filter(isLeft) };
}
