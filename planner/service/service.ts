import { type DeploymentState, desiredOf, type Leadership } from "#planner/connectors";
import type { Decision, Observation } from "#planner/core";
import { act, wantedChange } from "./act.ts";
import { ChangeFollower } from "./follow.ts";
import { Recurring } from "./recurring.ts";
import { SnapshotRing, totalsOf } from "./snapshots.ts";
import type { PlannerServiceOptions, TickAction, TickSnapshot } from "./types.ts";

const KEEP = 50_000;
/** A change under way has so long to end by itself when the service ends, ms. */
const STOP_GRACE_MS = 2_000;
/** And so long to say what became of it, once it was told to end, ms. */
const LAST_WORDS_MS = 1_000;

/** What happened between ticks that never came about. */
export interface ServiceCounters {
  ticks: number;
  /** Ticks left out because the one before took longer than the interval. */
  skipped: number;
  /** Ticks whose observation did not come in time. */
  timeouts: number;
  /** Ticks that failed by a fault of their own: of the strategy, of what records them. */
  failed: number;
}

/**
 * A planner that runs: at every interval it reads the deployment's state, observes, decides, and has the decision carried out where
 * it is the one that acts. It holds no state of the deployment that a restart could lose; the first tick reads all of it.
 */
export class PlannerService {
  readonly counters: ServiceCounters = { ticks: 0, skipped: 0, timeouts: 0, failed: 0 };
  readonly snapshots: SnapshotRing;
  readonly #options: PlannerServiceOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** The right to act, aborted when it is lost; null: another planner has it. */
  #mandate: AbortController | null = null;
  readonly #follower: ChangeFollower;
  #isTicking = false;
  #stopped: Promise<void> | null = null;
  /** Ticks are planned at whole multiples of the interval from here, in whole ms. */
  #startMs = 0;
  /** Number of the tick that is waited for, or under way. */
  #nextTick = 0;
  #gpuHours = 0;
  #lastCountedMs: number | null = null;
  readonly #said = new Recurring();
  /** Who this planner has said that it watches. */
  #watched: string | null = null;
  /** What could not be had at the last tick, and why. */
  readonly #problems = new Map<string, string>();

  constructor(options: PlannerServiceOptions) {
    this.#options = options;
    this.snapshots = new SnapshotRing(options.keep ?? KEEP);
    this.#follower = new ChangeFollower(options);
  }

  /** Whether a decision is being made or carried out at this moment. */
  get isTicking(): boolean {
    return this.#isTicking;
  }

  get isLeader(): boolean {
    return this.#options.leadership?.isLeader ?? true;
  }

  /** Unix ms at which the next tick is due; null before the first start. */
  get nextTickUnixMs(): number | null {
    const { clock, planner } = this.#options;
    return this.#nextTick === 0 ? null : clock.toUnixMs(this.#startMs + this.#nextTick * planner.intervalMs);
  }

  get gpuHours(): number {
    return this.#gpuHours;
  }

  /** Competes for the lead and begins to tick. */
  async start(): Promise<void> {
    const { leadership, clock, log } = this.#options;
    if (leadership === undefined) this.#mandate = new AbortController();
    await leadership?.start((isLeader) => {
      this.#mandate?.abort();
      this.#mandate = isLeader ? new AbortController() : null;
      this.#watched = isLeader ? null : leadership.holder;
      if (isLeader) log.info("this planner leads now");
      else if (this.#stopping.signal.aborted) log.info("this planner gives the lead away");
      else log.info(`this planner leads no longer: ${whoLeads(leadership)}`);
    });
    this.#startMs = Math.ceil(clock.nowMs());
    this.#running = this.#run();
  }

  /** Ends after the tick under way, or cuts it short where it takes long, and gives the lead away at once. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    const { leadership, planner, source, connector, sleep, log } = this.#options;
    const ended = new AbortController();
    const late = sleep(STOP_GRACE_MS, ended.signal).then(() => {
      if (!ended.signal.aborted) this.#mandate?.abort();
    });
    await this.#running;
    ended.abort();
    await late;
    // Whatever one of them does, the others are closed, too.
    const closings = [
      () => leadership?.release(),
      () => this.#follower.stop(),
      () => planner.close?.(),
      () => source.close(),
      () => connector.close(),
    ];
    for (const close of closings) {
      try {
        await close();
      } catch (error) {
        log.warn(`at the end: ${(error as Error).message}`);
      }
    }
  }

  async #run(): Promise<void> {
    const { clock, planner } = this.#options;
    const { intervalMs } = planner;
    for (let number = 1; ; number++) {
      this.#nextTick = number;
      const dueMs = this.#startMs + number * intervalMs;
      await this.#sleepUntil(dueMs);
      if (this.#stopping.signal.aborted) return;
      const lateMs = clock.nowMs() - dueMs;
      // What wakes nearer to the time of a later tick stands for that one, or both would come upon each other's heels.
      const overslept = Math.round(lateMs / intervalMs);
      this.counters.skipped += overslept;
      number += overslept;
      this.#nextTick = number;
      const plannedMs = this.#startMs + number * intervalMs;
      this.#isTicking = true;
      try {
        await this.#tick(plannedMs, lateMs);
      } catch (error) {
        this.#failed("the tick", error);
      } finally {
        this.#isTicking = false;
      }
      const missed = Math.floor((clock.nowMs() - plannedMs) / intervalMs);
      if (missed > 0) {
        this.counters.skipped += missed;
        number += missed;
      }
    }
  }

  /** Timers may ring a little early. */
  async #sleepUntil(atMs: number): Promise<void> {
    const { clock, sleep } = this.#options;
    const { signal } = this.#stopping;
    do await sleep(clock.waitMs(atMs), signal);
    while (clock.nowMs() < atMs && !signal.aborted);
  }

  /** Strategies and plugins go by the planned time, or what is due at every so many ticks would miss some. @param lateMs model ms */
  async #tick(plannedMs: number, lateMs: number): Promise<void> {
    const { clock, source, connector, onSnapshot } = this.#options;
    const beganMs = clock.nowMs();
    this.counters.ticks++;
    // Who comes to lead in the midst of a tick looks anew first.
    const mandate = this.isLeader ? this.#mandate : null;
    const state = await this.#inTime(connector.state(), "the deployment's state");
    const observation = await this.#inTime(source.observe(beganMs), "the observation");
    if (this.#stopping.signal.aborted) return;
    let decision: Decision | null = null;
    let action: TickAction;
    if (observation === null) {
      this.counters.timeouts++;
      action = unchanged("timeout", "nothing was observed in time: nothing changes", state);
    } else if (state === null) {
      action = unchanged("state-unknown", "the deployment's state is not known: nothing changes", state);
    } else {
      const workers = workersOf(state, observation);
      decision = await this.#decided({ ...observation, nowMs: plannedMs, windowEndMs: observation.nowMs, workers });
      action =
        decision === null
          ? unchanged("failed", "the strategy failed to decide: nothing changes", state)
          : await this.#acted(decision, state, mandate);
      if (action.status === "applied") this.#follower.follow(action);
    }
    if (state !== null) this.#count(state, beganMs);
    const snapshot: TickSnapshot = {
      tick: this.counters.ticks,
      atMs: plannedMs,
      atUnixMs: clock.toUnixMs(beganMs),
      observed: observation === null ? null : totalsOf(observation),
      problems: [...source.problems],
      state,
      decision,
      action,
      isLeader: this.isLeader,
      lagMs: lateMs / clock.timeScale,
      tookMs: (clock.nowMs() - beganMs) / clock.timeScale,
      gpuHours: this.#gpuHours,
    };
    this.snapshots.add(snapshot);
    this.#sayWhoLeads();
    this.#say(action);
    try {
      onSnapshot?.(snapshot, observation);
    } catch (error) {
      this.#failed("recording the tick", error);
    }
  }

  async #decided(observation: Observation): Promise<Decision | null> {
    try {
      return await this.#options.planner.tick(observation);
    } catch (error) {
      this.#failed("the decision", error);
      return null;
    }
  }

  /** What came of a decision, within the time that a tick may take: a platform that falls silent holds up one tick alone. */
  async #acted(decision: Decision, state: DeploymentState, mandate: AbortController | null): Promise<TickAction> {
    const { advisory, connector, leadership, sleep, tickMaxDurationMs } = this.#options;
    const mayAct = mandate !== null && !mandate.signal.aborted && this.isLeader;
    const lead = mandate?.signal ?? AbortSignal.abort();
    const late = new AbortController();
    const done = new AbortController();
    const timeUp = sleep(tickMaxDurationMs, AbortSignal.any([done.signal, lead])).then(async () => {
      if (done.signal.aborted) return null;
      late.abort();
      await sleep(LAST_WORDS_MS, done.signal);
      return null;
    });
    const acting = act(decision, state, connector, {
      advisory,
      standby: mayAct ? null : whoLeads(leadership),
      signal: AbortSignal.any([lead, late.signal]),
    });
    const action = await Promise.race([acting, timeUp]);
    done.abort();
    if (action !== null) return action;
    const why = lead.aborted ? "it was cut short" : `no answer within ${tickMaxDurationMs / 1000} s`;
    const message = `${why}: what is in force is looked at anew`;
    return { status: "failed", message, wanted: wantedChange(decision, state), inForce: {} };
  }

  #failed(what: string, error: unknown): void {
    this.counters.failed++;
    this.#options.log.warn(`${what} failed: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Null where it takes too long, or fails; told when it begins to. */
  async #inTime<Value>(work: Promise<Value>, what: string): Promise<Value | null> {
    const { sleep, tickMaxDurationMs, log } = this.#options;
    const warn = (problem: string) => {
      if (this.#problems.get(what) !== problem) log.warn(`${what} ${problem}`);
      this.#problems.set(what, problem);
    };
    const done = new AbortController();
    const { signal: stopping } = this.#stopping;
    const late = sleep(tickMaxDurationMs, AbortSignal.any([done.signal, stopping])).then(() => {
      if (!done.signal.aborted && !stopping.aborted) warn(`took longer than ${tickMaxDurationMs / 1000} s`);
      return null;
    });
    try {
      const value = await Promise.race([work, late]);
      if (value !== null) this.#problems.delete(what);
      return value;
    } catch (error) {
      warn(`can't be had: ${(error as Error).message}`);
      return null;
    } finally {
      done.abort();
    }
  }

  /** Ready workers cost, as the platform sees them. */
  #count(state: DeploymentState, nowMs: number): void {
    const { gpusPerWorker } = this.#options;
    const hours = this.#lastCountedMs === null ? 0 : (nowMs - this.#lastCountedMs) / 3_600_000;
    this.#lastCountedMs = nowMs;
    for (const { role, ready, gpusPerReplica } of Object.values(state.roles)) {
      this.#gpuHours += ready * (gpusPerReplica ?? gpusPerWorker[role]) * hours;
    }
  }

  #sayWhoLeads(): void {
    const { leadership, log } = this.#options;
    const holder = leadership?.holder ?? null;
    if (this.isLeader || holder === null || holder === this.#watched) return;
    this.#watched = holder;
    log.info(`${whoLeads(leadership)}: this one watches`);
  }

  /** Tells every change, and what stands in the way of one when it begins to. */
  #say({ status, message, inForce }: TickAction): void {
    const { log, clock } = this.#options;
    if (status === "applied") {
      log.info(`scaled: ${message}`);
      this.#said.forget();
    } else if (status === "advisory") log.info(message);
    else if (status !== "no-decision" && status !== "unchanged" && status !== "standby") {
      if (!this.#said.begins(status, clock.nowMs() / clock.timeScale)) return;
      const known = Object.keys(inForce).length === 0 ? "" : ` (in force: ${JSON.stringify(inForce)})`;
      log.warn(`${status}: ${message}${known}`);
    }
  }
}

function whoLeads(leadership: Leadership | undefined): string {
  const { holder = null, problem = null } = leadership ?? {};
  if (problem !== null) return `the lead can't be had: ${problem}`;
  return holder === null ? "nobody leads now" : `another planner leads (${holder})`;
}

function unchanged(status: TickAction["status"], message: string, state: DeploymentState | null): TickAction {
  return { status, message, wanted: null, inForce: desiredOf(state) };
}

/** The platform knows best how many workers there are; who is draining only a source may know. */
function workersOf(state: DeploymentState, observation: Observation): Observation["workers"] {
  const counts = (role: "prefill" | "decode") => {
    const known = state.roles[role];
    if (known === undefined) return { active: 0, starting: 0, draining: 0 };
    return {
      active: Math.min(known.ready, known.desired),
      starting: Math.max(0, known.desired - known.ready),
      draining: Math.max(known.ready - known.desired, observation.workers[role].draining),
    };
  };
  return { prefill: counts("prefill"), decode: counts("decode") };
}
