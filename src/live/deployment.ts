import type { Lateness } from "#common";
import { newPassCounters, type PassCounters } from "#mocker/engine";
import type { WorkerCard } from "#mocker/protocol";
import type { SourceWorkers } from "#planner/sources";
import type { Deployment } from "#scenarios";
import type { EngineCounters, RoleName } from "#src/record";
import type { SimulationSpec } from "#src/simulator";
import type {
  Census,
  ClockDescription,
  FrontendCalls,
  LostTransfer,
  TransferLoss,
  WorkerCalls,
  WorkerEvent,
  WorkerStatus,
} from "./child/protocol.ts";
import type { NetworkDelay } from "./child/slow-network.ts";
import { Child } from "./child-process.ts";
import { LivePool, type LiveWorker } from "./pool.ts";

/** Name of the one model that a live run serves. */
export const LIVE_MODEL = "understudy";

export interface DeploymentOptions {
  deployment: Deployment;
  simulation: SimulationSpec;
  timeScale: number;
  /** Processes that share the workers of a role. */
  processes: number;
  /** Told when a process ends that should not have, or a worker can't be started. */
  onFailure: (error: Error) => void;
}

/** How late each process woke up, real ms. */
export type ProcessLag = { name: string; lag: Lateness }[];

export interface DeploymentReport {
  counters: EngineCounters;
  lag: ProcessLag;
}

const NO_WORKERS = { active: 0, starting: 0, draining: 0 };

type WorkerChild = Child<WorkerCalls, WorkerEvent>;

/** What is known of a worker's process side. */
interface Seat {
  child: WorkerChild;
  listening: Promise<WorkerCard>;
  /** Called when the worker says that it is ready. */
  isReady: () => void;
  ready: Promise<void>;
  /** Resolves when the frontend sends it requests. */
  announced: Promise<void>;
}

/** The processes of a live run: a frontend, and the workers of each role. */
export class LiveDeployment {
  readonly pools: Record<RoleName, LivePool | null>;
  readonly url: string;
  readonly #frontend: Child<FrontendCalls>;
  readonly #children: Record<RoleName, WorkerChild[]>;
  readonly #seats = new Map<LiveWorker, Seat>();
  readonly #seatsByName: Map<string, Seat>;
  readonly #onFailure: (error: Error) => void;

  private constructor(
    url: string,
    frontend: Child<FrontendCalls>,
    children: Record<RoleName, WorkerChild[]>,
    seatsByName: Map<string, Seat>,
    { simulation: { prefill, decode }, onFailure }: DeploymentOptions,
  ) {
    this.url = url;
    this.#seatsByName = seatsByName;
    this.#onFailure = onFailure;
    this.#frontend = frontend;
    this.#children = children;
    this.pools = {
      prefill: prefill === null ? null : new LivePool("prefill", prefill),
      decode: new LivePool("decode", decode),
    };
  }

  /** Resolves when the initial workers take requests. @throws UserError LIVE_… and what the processes throw */
  static async start(options: DeploymentOptions): Promise<LiveDeployment> {
    const { simulation, deployment, timeScale, processes, onFailure: onDeath } = options;
    const clock: ClockDescription = { timeScale, epochUnixMs: performance.timeOrigin + performance.now() };
    const seatsByName = new Map<string, Seat>();
    const onEvent = ({ ready }: WorkerEvent) => seatsByName.get(ready)?.isReady();
    const roles: RoleName[] = simulation.prefill === null ? ["decode"] : ["prefill", "decode"];
    const names = roles.flatMap((role) => Array.from({ length: processes }, (_, index) => ({ role, index })));
    const started = await Promise.allSettled([
      Child.start<FrontendCalls>({ name: "frontend", kind: "frontend", onDeath }),
      ...names.map(({ role, index }) =>
        Child.start<WorkerCalls, WorkerEvent>({ name: `${role} workers ${index}`, kind: "workers", onEvent, onDeath }),
      ),
    ]);
    const children = started.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    try {
      for (const outcome of started) if (outcome.status === "rejected") throw outcome.reason;
      const [frontend, ...workers] = children as [Child<FrontendCalls>, ...WorkerChild[]];
      const byRole: Record<RoleName, WorkerChild[]> = { prefill: [], decode: [] };
      names.forEach(({ role }, i) => {
        byRole[role].push(workers[i]!);
      });
      const { router, seed, sla, transfer } = simulation;
      const [url] = await Promise.all([
        frontend.call("start", { clock, router, seed, sla }),
        ...names.map(({ role }, i) =>
          workers[i]!.call("start", {
            ...{ clock, deployment, role, model: LIVE_MODEL, transfer, seed },
            slowNetwork: (simulation.faults ?? []).some(({ kind }) => kind === "delayNetwork"),
          }),
        ),
      ]);
      const made = new LiveDeployment(url, frontend, byRole, seatsByName, options);
      await made.#startInitialWorkers(clock.epochUnixMs);
      return made;
    } catch (error) {
      await Promise.all(children.map((child) => child.stop()));
      throw error;
    }
  }

  /** Starts a worker of the books, ready at `readyUnixMs`; resolves when the frontend sends it requests. */
  create(worker: LiveWorker, readyUnixMs: number): Promise<void> {
    const child = this.#childOf(worker);
    let isReady: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      isReady = resolve;
    });
    const listening = child.call("add", { name: worker.name, readyUnixMs });
    const seat: Seat = { child, listening, isReady, ready, announced: Promise.resolve() };
    this.#seats.set(worker, seat);
    this.#seatsByName.set(worker.name, seat);
    seat.announced = this.#announce(worker, seat);
    seat.announced.catch(this.#onFailure);
    return seat.announced;
  }

  /** Resolves when the frontend knows all workers whose start-up was over by `nowMs`. */
  async announcedBy(nowMs: number): Promise<void> {
    const due = [...this.#seats].filter(([{ state, life }]) => state === "starting" && life.readyMs <= nowMs);
    await Promise.all(due.map(([, { announced }]) => announced));
  }

  /** Ends a worker that is starting; where its starts fail it may have no process yet. */
  async cancel(worker: LiveWorker): Promise<void> {
    if (!this.#seats.has(worker)) return;
    const seat = this.#leave(worker);
    await seat.listening;
    await seat.child.call("cancel", worker.name);
  }

  /** Resolves when the frontend sends the worker nothing more; `gone` then tells when its last request has left, Unix ms. */
  async drain(worker: LiveWorker): Promise<{ gone: Promise<number> }> {
    const seat = this.#leave(worker);
    const { url } = await seat.listening;
    await this.#frontend.call("remove", url);
    return { gone: seat.child.call("drain", worker.name) };
  }

  /** Ends a worker, which has left the books, as if its process had died; tells what it had. */
  async kill(worker: LiveWorker): Promise<Census> {
    await this.#seats.get(worker)?.listening;
    this.#seats.delete(worker);
    const census = await this.#childOf(worker).call("kill", worker.name);
    if (worker.url !== null) await this.#frontend.call("remove", worker.url);
    return census;
  }

  /** Passes of a worker take so many times as long from now on; Infinity: none begins. Tells what it has. */
  async setPace(worker: LiveWorker, factor: number): Promise<Census> {
    await this.#seats.get(worker)?.listening;
    return this.#childOf(worker).call("setPace", {
      name: worker.name,
      factor: Number.isFinite(factor) ? factor : null,
    });
  }

  /**
   * KV transfers are lost from now on to a fault, known by its index; of the next ones, each process of decode workers has its share.
   * Null: none any more.
   */
  async loseTransfers(fault: number, loss: TransferLoss | null): Promise<void> {
    const children = this.#children.decode;
    await Promise.all(
      children.map((child, i) => {
        const next = loss === null || loss.next === null ? null : Math.floor((loss.next + i) / children.length);
        return child.call("loseTransfers", { fault, loss: loss === null ? null : { ...loss, next } });
      }),
    );
  }

  /** What faults have lost, those of each process in order of time. */
  async lostTransfers(): Promise<LostTransfer[]> {
    return (await Promise.all(this.#children.decode.map((child) => child.call("lostTransfers", null)))).flat();
  }

  /** Messages to workers of a role and back take so much longer; null: of all roles. To be added to what there is. */
  async delayNetwork(role: RoleName | null, delay: NetworkDelay): Promise<void> {
    const children = role === null ? this.#workerChildren() : this.#children[role];
    await Promise.all(children.map((child) => child.call("delayNetwork", delay)));
  }

  /** For a planner's source. */
  sourceWorkers(): SourceWorkers {
    const { prefill, decode } = this.pools;
    return {
      counts: { prefill: prefill?.counts() ?? NO_WORKERS, decode: decode!.counts() },
      workers: this.#workers().flatMap(({ id, role, state, url }) =>
        state === "removed" ? [] : [{ workerId: id, role, state, url }],
      ),
    };
  }

  /** Brings the books' `outstanding` up to date. */
  async readOutstanding(): Promise<void> {
    const now = new Map(
      (await this.#frontend.call("outstanding", null)).map(({ name, outstanding }) => [name, outstanding]),
    );
    for (const worker of this.#workers()) worker.outstanding = now.get(worker.name) ?? 0;
  }

  /** Loads of all workers that listen, as of now. */
  async loads(): Promise<Map<string, WorkerStatus["loads"]>> {
    const statuses = await Promise.all(this.#workerChildren().map((child) => child.call("loads", null)));
    return new Map(statuses.flat().map(({ name, loads }) => [name, loads]));
  }

  /**
   * Lets `use` send requests through frontend and workers of the same processes which are there for that alone: code that
   * has run is compiled, and nothing of it shows in what the run's own count, cache or tell.
   */
  async warmUp(use: (url: string) => Promise<unknown>): Promise<void> {
    const children = this.#workerChildren();
    try {
      const cards = await Promise.all(children.map((child) => child.call("openWarmUp", null)));
      await use(await this.#frontend.call("openWarmUp", cards));
    } finally {
      await Promise.all([
        this.#frontend.call("closeWarmUp", null),
        ...children.map((child) => child.call("closeWarmUp", null)),
      ]);
    }
  }

  /** Ends frontend and workers in good order, and tells what they counted. */
  async close(): Promise<DeploymentReport> {
    const frontendLag = await this.#frontend.call("close", null);
    const children = this.#workerChildren();
    const reports = await Promise.all(children.map((child) => child.call("close", null)));
    const sum: PassCounters = newPassCounters();
    let extrapolations = 0;
    for (const report of reports) {
      for (const name of Object.keys(sum) as (keyof PassCounters)[]) sum[name] += report.counters[name];
      extrapolations += report.extrapolations;
    }
    const { prefillMs: _prefillMs, hostLoadMs: _hostLoadMs, ...counters } = sum;
    await this.stop();
    return {
      counters: { ...counters, extrapolations },
      lag: [
        { name: this.#frontend.name, lag: frontendLag },
        ...children.map(({ name }, i) => ({ name, lag: reports[i]!.lag })),
      ],
    };
  }

  /** Ends the processes, whatever they are doing. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all([this.#frontend, ...this.#workerChildren()].map((child) => child.stop()));
  }

  async #startInitialWorkers(nowUnixMs: number): Promise<void> {
    for (const pool of [this.pools.prefill, this.pools.decode]) {
      if (pool === null) continue;
      const workers = Array.from({ length: pool.spec.workers }, () => pool.add(0, 0));
      await Promise.all(workers.map((worker) => this.create(worker, nowUnixMs)));
    }
  }

  async #announce(worker: LiveWorker, { listening, ready }: Seat): Promise<void> {
    const card = await listening;
    worker.url = card.url;
    await ready;
    // Routers know workers in the order of their ids.
    const elder = this.#poolOf(worker).workers[worker.id - 1];
    if (elder !== undefined && elder.life.readyMs <= worker.life.readyMs) await this.#seats.get(elder)?.announced;
    if (worker.state !== "starting") return;
    await this.#frontend.call("add", { ...card, state: "ready" });
    if (worker.state !== "starting") return;
    this.#poolOf(worker).markReady(worker);
  }

  #childOf({ role, id }: LiveWorker): WorkerChild {
    const children = this.#children[role];
    return children[id % children.length]!;
  }

  #poolOf({ role }: LiveWorker): LivePool {
    return this.pools[role]!;
  }

  #leave(worker: LiveWorker): Seat {
    const seat = this.#seats.get(worker)!;
    this.#seats.delete(worker);
    return seat;
  }

  #workers(): LiveWorker[] {
    return [...(this.pools.prefill?.workers ?? []), ...this.pools.decode!.workers];
  }

  #workerChildren(): WorkerChild[] {
    return [...this.#children.prefill, ...this.#children.decode];
  }
}
