import type { Clock } from "#common";
import type { Observation } from "#planner/core";
import { badFrontendAddress, noFrontends } from "./errors.ts";
import { FrontendSource } from "./frontend-source.ts";
import { HttpClient } from "./http-client.ts";
import type { Judge } from "./judge.ts";
import type { ScrapeSource, ScrapeSourceOptions } from "./types.ts";
import { addWindow, emptyWindow, requestPart } from "./window-sums.ts";
import { WorkerLoads } from "./worker-loads.ts";

/**
 * Observes a deployment by asking its frontends and workers; no Prometheus is needed. What can't be had is null, which is not
 * the same as zero.
 * @throws UserError PLANNER_SOURCE_NO_FRONTENDS, PLANNER_SOURCE_BAD_ADDRESS
 */
export function scrapeSource(options: ScrapeSourceOptions): ScrapeSource {
  if (options.frontends.length === 0) throw noFrontends();
  return new Scraper(options, options.frontends.map(frontendAddress));
}

function frontendAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") throw badFrontendAddress(address);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

class Scraper implements ScrapeSource {
  readonly #options: ScrapeSourceOptions;
  readonly #clock: Clock;
  readonly #client: HttpClient;
  readonly #frontends: readonly FrontendSource[];
  readonly #loads: WorkerLoads;
  readonly #begun: Promise<unknown>;
  readonly #polling: NodeJS.Timeout;
  #problems: string[] = [];
  #lastMs: number;
  #observing: Promise<unknown> = Promise.resolve();

  constructor(options: ScrapeSourceOptions, frontends: readonly string[]) {
    this.#options = options;
    const { clock } = options;
    this.#clock = clock;
    const startMs = options.startMs ?? Math.max(0, clock.nowMs());
    const { headers = {}, timeoutMs = 2000, concurrency = 64, pollMs = 1000, staleMs = 60_000 } = options;
    this.#client = new HttpClient({ headers, timeoutMs, concurrency });
    const judge: Judge = {
      sla: options.sla,
      feasible: options.feasible ?? (() => true),
      idlePrefillMs: options.idlePrefillMs ?? null,
    };
    this.#frontends = frontends.map(
      (url) => new FrontendSource(this.#client, url, judge, { clock, model: options.model ?? null, staleMs, startMs }),
    );
    this.#loads = new WorkerLoads(this.#client);
    this.#lastMs = startMs;
    this.#begun = Promise.allSettled([...this.#frontends.map((frontend) => frontend.begin()), this.#beginLoads()]);
    this.#polling = setInterval(() => {
      for (const frontend of this.#frontends) void frontend.poll();
    }, pollMs);
    this.#polling.unref();
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  observe(nowMs = this.#clock.nowMs()): Promise<Observation> {
    const observation = this.#observing.then(() => this.#observe(nowMs));
    this.#observing = observation.catch(() => undefined);
    return observation;
  }

  async close(): Promise<void> {
    clearInterval(this.#polling);
    await this.#client.close();
  }

  /** What workers have done before anybody looked is no part of the first window. */
  async #beginLoads(): Promise<void> {
    const { workers } = await this.#options.workers();
    await this.#loads.read(workers, true);
  }

  async #observe(nowMs: number): Promise<Observation> {
    await this.#begun;
    const view = await this.#options.workers();
    const startMs = this.#lastMs;
    this.#lastMs = nowMs;
    const disaggregated = this.#options.disaggregated ?? view.workers.some((worker) => worker.role === "prefill");
    const [loads, windows] = await Promise.all([
      this.#loads.read(view.workers, disaggregated),
      Promise.all(this.#frontends.map((frontend) => frontend.window(startMs, nowMs))),
    ]);
    const sums = emptyWindow();
    for (const window of windows) if (window.sums !== null) addWindow(sums, window.sums);
    const complete = windows.some((window) => window.sums !== null) && !windows.some((window) => window.missing);
    this.#problems = [...windows.flatMap((window) => window.problem ?? []), ...loads.problems];
    return {
      ...requestPart(sums, complete),
      nowMs,
      windowMs: nowMs - startMs,
      workers: view.counts,
      prefillMeasuredS: loads.prefillS,
      prefillLoad: loads.prefill,
      decodeLoad: loads.decode,
    };
  }
}
