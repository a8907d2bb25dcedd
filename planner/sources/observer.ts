import type { Clock } from "#common";
import type { Observation } from "#planner/core";
import { HttpClient } from "./http-client.ts";
import type { DeploymentSource, ObserverOptions, SourceWorkers, TrafficReader } from "./types.ts";
import { ForwardPasses } from "./workers/forward-passes.ts";
import { PassBenchmarks } from "./workers/pass-benchmarks.ts";
import { WorkerLimitsReader } from "./workers/worker-limits.ts";
import { WorkerLoads } from "./workers/worker-loads.ts";

const NO_COUNTS = { active: 0, starting: 0, draining: 0 };

/** Puts observations together: traffic from whoever knows of it, loads and forward passes from the workers themselves. */
export class DeploymentObserver implements DeploymentSource {
  readonly #options: ObserverOptions;
  readonly #traffic: TrafficReader;
  readonly #client: HttpClient;
  readonly #loads: WorkerLoads;
  readonly #passes: ForwardPasses | null;
  readonly #limits: WorkerLimitsReader;
  readonly #benchmarks: PassBenchmarks | null;
  readonly #begun: Promise<unknown>;
  #problems: string[] = [];
  #lastMs: number;
  #observing: Promise<unknown> = Promise.resolve();

  constructor(options: ObserverOptions, traffic: TrafficReader) {
    this.#options = options;
    this.#traffic = traffic;
    const { headers = {}, timeoutMs = 2000, concurrency = 64 } = options;
    this.#client = new HttpClient({ headers, timeoutMs, concurrency });
    this.#loads = new WorkerLoads(this.#client);
    const { forwardPasses = false } = options;
    this.#passes = forwardPasses === false ? null : new ForwardPasses(this.#client, forwardPasses === true);
    this.#limits = new WorkerLimitsReader(this.#client);
    this.#benchmarks = options.benchmarks === true ? new PassBenchmarks(this.#client) : null;
    this.#lastMs = startOf(options);
    this.#begun = Promise.allSettled([traffic.begin(), this.#beginWorkers()]);
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  observe(nowMs = this.#options.clock.nowMs()): Promise<Observation> {
    const observation = this.#observing.then(() => this.#observe(nowMs));
    this.#observing = observation.catch(() => undefined);
    return observation;
  }

  async close(): Promise<void> {
    await Promise.all([this.#traffic.close(), this.#client.close()]);
  }

  /** What workers have done before anybody looked is no part of the first window. */
  async #beginWorkers(): Promise<void> {
    const view = await this.#options.workers();
    if (view === null) return;
    await Promise.all([this.#loads.read(view.workers, true), this.#passes?.read(view.workers, true)]);
  }

  #problemsOf(view: SourceWorkers | null): readonly string[] {
    if (view !== null) return view.problems ?? [];
    const reasons = this.#options.whyNoWorkers?.() ?? [];
    if (reasons.length > 0 || this.#passes === null) return reasons;
    return ["no worker is known: their loads and forward passes are missing"];
  }

  async #observe(nowMs: number): Promise<Observation> {
    await this.#begun;
    const view = await this.#options.workers();
    const startMs = this.#lastMs;
    this.#lastMs = nowMs;
    const disaggregated =
      this.#options.disaggregated ?? view?.workers.some((worker) => worker.role === "prefill") ?? false;
    const [loads, passes, limits, benchmarks, traffic] = await Promise.all([
      view === null ? null : this.#loads.read(view.workers, disaggregated),
      view === null ? null : this.#passes?.read(view.workers, disaggregated),
      // Who reads passes wants to know what they are to be held against.
      view === null || this.#passes === null ? {} : this.#limits.read(view.workers),
      view === null || this.#benchmarks === null ? null : this.#benchmarks.read(view.workers),
      this.#traffic.window(startMs, nowMs),
    ]);
    // Who does not answer is asked for several things, and told of once.
    this.#problems = [
      ...new Set([
        ...traffic.problems,
        ...this.#problemsOf(view),
        ...(loads?.problems ?? []),
        ...(passes?.problems ?? []),
      ]),
    ];
    return {
      ...traffic.part,
      acceptLength: traffic.part.acceptLength ?? loads?.acceptLength ?? null,
      nowMs,
      windowMs: traffic.windowMs,
      workers: view?.counts ?? { prefill: NO_COUNTS, decode: NO_COUNTS },
      prefillMeasuredS: loads?.prefillS ?? null,
      prefillLoad: loads?.prefill ?? null,
      decodeLoad: loads?.decode ?? null,
      ...(this.#passes === null
        ? {}
        : {
            forwardPasses: { prefill: passes?.prefill ?? null, decode: passes?.decode ?? null },
            workerLimits: limits,
          }),
      ...(benchmarks === null ? {} : { benchmarks }),
    };
  }
}

/** Where the first window begins. */
export function startOf({ clock, startMs }: { clock: Clock; startMs?: number }): number {
  return startMs ?? Math.max(0, clock.nowMs());
}
