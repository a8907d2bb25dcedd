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
  if (options.frontends.length === 0) throw noFrontends();
  return new DeploymentObserver(options, new FrontendTraffic(options, options.frontends.map(frontendAddress)));
}

function frontendAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") throw badFrontendAddress(address);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** What frontends know of the traffic, added up: means come out weighted by how much each saw. */
class FrontendTraffic implements TrafficReader {
  readonly #client: HttpClient;
  readonly #frontends: readonly FrontendSource[];
  readonly #polling: NodeJS.Timeout;

  constructor(options: ScrapeSourceOptions, frontends: readonly string[]) {
    const { clock, headers = {}, timeoutMs = 2000, concurrency = 64, pollMs = 1000, staleMs = 60_000 } = options;
    const startMs = startOf(options);
    this.#client = new HttpClient({ headers, timeoutMs, concurrency });
    const judge: Judge = {
      sla: options.sla,
      feasible: options.feasible ?? (() => true),
      idlePrefillMs: options.idlePrefillMs ?? null,
    };
    this.#frontends = frontends.map(
      (url) => new FrontendSource(this.#client, url, judge, { clock, model: options.model ?? null, staleMs, startMs }),
    );
    this.#polling = setInterval(() => {
      for (const frontend of this.#frontends) void frontend.poll();
    }, pollMs);
    this.#polling.unref();
  }

  async begin(): Promise<void> {
    await Promise.allSettled(this.#frontends.map((frontend) => frontend.begin()));
  }

  async window(startMs: number, endMs: number): Promise<TrafficWindow> {
    const windows = await Promise.all(this.#frontends.map((frontend) => frontend.window(startMs, endMs)));
    const sums = emptyWindow();
    for (const window of windows) if (window.sums !== null) addWindow(sums, window.sums);
    const complete = windows.some((window) => window.sums !== null) && !windows.some((window) => window.missing);
    return {
      part: requestPart(sums, complete),
      windowMs: endMs - startMs,
      problems: windows.flatMap((window) => window.problem ?? []),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#polling);
    await this.#client.close();
  }
}
