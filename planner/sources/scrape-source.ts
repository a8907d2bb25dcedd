import { badFrontendAddress, noFrontends } from "./errors.ts";
import { FrontendSource } from "./frontends/frontend-source.ts";
import { HttpClient } from "./http-client.ts";
import type { Judge } from "./judge.ts";
import { DeploymentObserver, startOf } from "./observer.ts";
import type { DeploymentSource, ScrapeSourceOptions, TrafficReader, TrafficWindow } from "./types.ts";
import { addWindow, emptyWindow, requestPart } from "./window-sums.ts";

/**
 * Observes a deployment by asking its frontends and workers; no Prometheus is needed. What can't be had is null, which is not
 * the same as zero.
 * @throws UserError PLANNER_SOURCE_NO_FRONTENDS, PLANNER_SOURCE_BAD_ADDRESS
 */
export function scrapeSource(options: ScrapeSourceOptions): DeploymentSource {
  const { frontends } = options;
  if (typeof frontends === "function") return new DeploymentObserver(options, new FrontendTraffic(options, frontends));
  if (frontends.length === 0) throw noFrontends();
  const checked = frontends.map(frontendAddress);
  return new DeploymentObserver(options, new FrontendTraffic(options, () => checked));
}

function frontendAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") throw badFrontendAddress(address);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** What frontends know of the traffic, added up: means come out weighted by how much each saw. */
class FrontendTraffic implements TrafficReader {
  readonly #client: HttpClient;
  readonly #options: ScrapeSourceOptions;
  readonly #urls: () => readonly string[];
  readonly #judge: Judge;
  readonly #frontends = new Map<string, FrontendSource>();
  readonly #polling: NodeJS.Timeout;
  /** End of the last window, model ms. */
  #lastMs: number;

  constructor(options: ScrapeSourceOptions, urls: () => readonly string[]) {
    const { headers = {}, timeoutMs = 2000, concurrency = 64, pollMs = 1000 } = options;
    this.#options = options;
    this.#urls = urls;
    this.#lastMs = startOf(options);
    this.#client = new HttpClient({ headers, timeoutMs, concurrency });
    this.#judge = {
      sla: options.sla,
      feasible: options.feasible ?? (() => true),
      idlePrefillMs: options.idlePrefillMs ?? null,
    };
    this.#polling = setInterval(() => {
      this.#meetNew();
      for (const frontend of this.#frontends.values()) void frontend.poll();
    }, pollMs);
    this.#polling.unref();
  }

  async begin(): Promise<void> {
    await Promise.allSettled(this.#meetNew());
  }

  async window(startMs: number, endMs: number): Promise<TrafficWindow> {
    this.#meetNew();
    const windows = await Promise.all([...this.#frontends.values()].map((frontend) => frontend.window(startMs, endMs)));
    this.#lastMs = endMs;
    this.#leaveGone();
    const sums = emptyWindow();
    for (const window of windows) if (window.sums !== null) addWindow(sums, window.sums);
    const complete = windows.some((window) => window.sums !== null) && !windows.some((window) => window.missing);
    return {
      part: requestPart(sums, complete),
      windowMs: endMs - startMs,
      problems: windows.length === 0 ? ["no frontend is known"] : windows.flatMap((window) => window.problem ?? []),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#polling);
    await this.#client.close();
  }

  /** One that came counts from the end of the last window on. */
  #meetNew(): Promise<void>[] {
    const { clock, model = null, staleMs = 60_000 } = this.#options;
    return this.#urls().flatMap((url) => {
      if (this.#frontends.has(url)) return [];
      const rest = { clock, model, staleMs, startMs: this.#lastMs };
      const frontend = new FrontendSource(this.#client, url, this.#judge, rest);
      this.#frontends.set(url, frontend);
      return [frontend.begin()];
    });
  }

  /** One that went was asked for its last window. */
  #leaveGone(): void {
    const urls = this.#urls();
    for (const url of this.#frontends.keys()) if (!urls.includes(url)) this.#frontends.delete(url);
  }
}
