import type { Clock } from "#common";
import type {
  Connector,
  DeploymentFacts,
  DeploymentState,
  Leadership,
  ScaleOutcome,
  ScaleRequest,
} from "#planner/connectors";
import type { Decision, Observation, Planner, Targets } from "#planner/core";
import {
  type ObservationSource,
  PlannerService,
  type PlannerServiceOptions,
  type TickSnapshot,
} from "#planner/service";
import { active, observation } from "../observations.ts";

/** A clock that stands still until somebody sleeps: then it is as late as the sleeper wanted. */
export class ManualClock implements Clock {
  readonly timeScale = 1;
  now = 0;
  /** How much later than asked (below 0: earlier) a timer over `ms` rings, ms. */
  lateMs = (_ms: number) => 0;
  readonly #sleepers: { untilMs: number; wake: () => void }[] = [];

  nowMs = () => this.now;
  waitMs = (atMs: number) => Math.max(0, atMs - this.now);
  toUnixMs = (atMs: number) => 1_700_000_000_000 + atMs;
  fromUnixMs = (unixMs: number) => unixMs - 1_700_000_000_000;

  sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
      this.#sleepers.push({ untilMs: this.now + Math.max(0, ms + this.lateMs(ms)), wake: resolve });
    });

  /** Time goes on; who slept until then wakes, one after the other, and does what it does. */
  async advance(ms: number): Promise<void> {
    const endMs = this.now + ms;
    for (;;) {
      await settle();
      const next = this.#sleepers.filter(({ untilMs }) => untilMs <= endMs).sort((a, b) => a.untilMs - b.untilMs)[0];
      if (next === undefined) break;
      this.#sleepers.splice(this.#sleepers.indexOf(next), 1);
      this.now = Math.max(this.now, next.untilMs);
      next.wake();
    }
    this.now = endMs;
    await settle();
  }
}

/** Lets everything that can go on without time go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A deployment that does what it is asked at once, unless it is told to behave otherwise. */
export class MadeConnector implements Connector {
  readonly kind = "made";
  readonly requests: ScaleRequest[] = [];
  desired: Targets = { prefill: 1, decode: 1 };
  isReady = true;
  state_: "known" | "unknown" | "throws" | "hangs" = "known";
  outcome: Partial<ScaleOutcome> | Error | "hangs" = {};
  /** Ends what waits for the change to come about. */
  settle: (isSettled: boolean) => void = () => {};
  closed = 0;

  async open(): Promise<DeploymentFacts> {
    return { model: "llama", gpusPerReplica: {} };
  }

  async state(): Promise<DeploymentState | null> {
    if (this.state_ === "unknown") return null;
    if (this.state_ === "throws") throw new Error("connection refused");
    if (this.state_ === "hangs") return new Promise(() => {});
    const role = (name: "prefill" | "decode") => ({
      role: name,
      component: name,
      desired: this.desired[name],
      ready: this.desired[name],
      stable: true,
      gpusPerReplica: null,
    });
    return {
      ready: this.isReady,
      notReadyReason: this.isReady ? null : "it is being rolled out",
      roles: { prefill: role("prefill"), decode: role("decode") },
      model: "llama",
    };
  }

  async scale(request: ScaleRequest): Promise<ScaleOutcome> {
    this.requests.push(request);
    if (this.outcome instanceof Error) throw this.outcome;
    if (this.outcome === "hangs") {
      // As long as it may.
      const { signal } = request;
      await new Promise<void>((resolve) => signal!.addEventListener("abort", () => resolve(), { once: true }));
      return { status: "failed", inForce: {}, message: "this planner may act no longer" };
    }
    const made: ScaleOutcome = { status: "applied", inForce: request.targets, message: "done", ...this.outcome };
    if (made.status === "applied") this.desired = { ...this.desired, ...request.targets };
    return made;
  }

  settled(_timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      this.settle = resolve;
      signal?.addEventListener("abort", () => resolve(false), { once: true });
    });
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

export class MadeLeadership implements Leadership {
  isLeader = false;
  holder: string | null = "another";
  problem: string | null = null;
  released = 0;
  #changed: (isLeader: boolean) => void = () => {};

  async start(changed: (isLeader: boolean) => void): Promise<void> {
    this.#changed = changed;
  }

  lead(isLeader: boolean): void {
    this.isLeader = isLeader;
    this.#changed(isLeader);
  }

  async release(): Promise<void> {
    this.released++;
    this.isLeader = false;
  }
}

/** Wants so many workers, tick by tick; the last of the list from then on. */
export function wishing(
  targets: (Targets | null)[],
  intervalMs = 5000,
): Planner & { seen: Observation[]; minimum: Targets | null } {
  const planner = {
    strategy: "made",
    intervalMs,
    seen: [] as Observation[],
    minimum: null as Targets | null,
    setMinimum(minimum: Targets) {
      planner.minimum = minimum;
    },
    tick(seen: Observation): Decision {
      const tick = planner.seen.push(seen) - 1;
      return {
        tick,
        atMs: seen.nowMs,
        strategy: "made",
        targets: targets[Math.min(tick, targets.length - 1)]!,
        workers: seen.workers,
        observedRate: 5,
        forecast: { requestRate: 6, isl: 3000, osl: 300 },
        values: { decodeWorkerPerS: 12 },
        clamps: [],
        reasons: [{ code: "scale-up", role: null, text: "it was wished" }],
      };
    },
  };
  return planner;
}

export class MadeSource implements ObservationSource {
  problems: string[] = [];
  hangs = false;
  closed = 0;

  async observe(nowMs = 0): Promise<Observation> {
    if (this.hangs) return new Promise(() => {});
    return observation(nowMs, 5, { workers: { prefill: active(9), decode: active(9) } });
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

export function madeService(
  targets: (Targets | null)[],
  more: Partial<PlannerServiceOptions> = {},
  clock = new ManualClock(),
) {
  const connector = new MadeConnector();
  const source = new MadeSource();
  const planner = wishing(targets);
  const said: string[] = [];
  const snapshots: TickSnapshot[] = [];
  const service = new PlannerService({
    planner,
    source,
    connector,
    clock,
    sleep: clock.sleep,
    gpusPerWorker: { prefill: 1, decode: 2 },
    advisory: false,
    tickMaxDurationMs: 3000,
    log: { info: (text) => said.push(text), warn: (text) => said.push(`warning: ${text}`) },
    onSnapshot: (snapshot) => snapshots.push(snapshot),
    ...more,
  });
  return { service, clock, connector, source, planner, said, snapshots };
}
