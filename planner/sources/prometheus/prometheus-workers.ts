import type { SourceWorkers } from "../types.ts";
import { Roster } from "../workers/roster.ts";
import { PrometheusClient, type PrometheusOptions, type PrometheusSample } from "./client.ts";
import { ask, selected } from "./reading.ts";

const INFO = "understudy_worker_info";
const STATE = "understudy_worker_state == 1";

/**
 * Workers that Prometheus scrapes, found by what they export of themselves; they answer where they are scraped. Engines that export no
 * such thing are not found.
 */
export class PrometheusWorkers {
  readonly #client: PrometheusClient;
  readonly #roster = new Roster();
  readonly #filter: { model: string | null; namespace: string };
  /** What went wrong the last time, one line each. */
  problems: readonly string[] = [];

  constructor(options: PrometheusOptions & { model: string | null; namespace: string }) {
    this.#client = new PrometheusClient(options);
    this.#filter = { model: options.model, namespace: options.namespace };
  }

  /** Null where it is not known, or none is found. */
  async read(): Promise<SourceWorkers | null> {
    const [infos, states] = await Promise.all([ask(this.#client, INFO), ask(this.#client, STATE)]);
    this.problems = [infos, states].flatMap((each) =>
      each.kind === "failed" ? [`Prometheus, workers: ${each.reason}`] : [],
    );
    if (infos.kind === "failed" || states.kind === "failed") return null;
    const { model, namespace } = this.#filter;
    const found = selected(infos.series, { model: null, namespace }).filter(
      ({ labels }) => model === null || labels.model_name?.toLowerCase() === model.toLowerCase(),
    );
    if (found.length === 0) return null;
    const stateOf = new Map(states.series.map(({ labels }) => [targetOf(labels), labels.state ?? ""]));
    const workers = found.flatMap(({ labels }) => {
      const url = `http://${labels.instance ?? ""}`;
      return URL.canParse(url)
        ? [{ url, role: labels.role ?? "", state: stateOf.get(targetOf(labels)) ?? "starting" }]
        : [];
    });
    return this.#roster.of(workers, this.problems);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

function targetOf({ job, instance }: PrometheusSample["labels"]): string {
  return `${job} ${instance}`;
}
