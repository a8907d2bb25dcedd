import { type LocalEndpoints, LocalWatch, localEndpointsOf } from "#planner/connectors";
import { Roster, type SourceWorkers } from "#planner/sources";

/** How long what a runner told last is still taken to be so while it does not answer, ms: its processes live on without it. */
const KEEP_MS = 60_000;

export type LocalSightOptions = ConstructorParameters<typeof LocalWatch>[0] & {
  question: Parameters<typeof localEndpointsOf>[1];
  keepMs?: number;
};

/** Frontends and workers of a local deployment, as its runner tells, and as they come and go. */
export class LocalSight {
  readonly #watch: LocalWatch;
  readonly #options: LocalSightOptions;
  readonly #roster = new Roster();
  #problems: readonly string[] = [];

  constructor(options: LocalSightOptions) {
    this.#options = options;
    this.#watch = new LocalWatch(options);
  }

  /** Why they are not known, or not known to be so still; one line each. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  frontends(): readonly string[] {
    return this.#endpoints()?.frontends ?? [];
  }

  /** Null where nobody has told of any. */
  async read(): Promise<SourceWorkers | null> {
    await this.#watch.start();
    const { problem } = this.#watch;
    this.#problems = problem === null ? [] : [`workers: ${problem}`];
    const endpoints = this.#endpoints();
    return endpoints === null ? null : this.#roster.of(endpoints.workers, this.#problems);
  }

  async close(): Promise<void> {
    await this.#watch.close();
  }

  #endpoints(): LocalEndpoints | null {
    const { keepMs = KEEP_MS, question } = this.#options;
    const { last } = this.#watch;
    return last === null || last.ageMs > keepMs ? null : localEndpointsOf(last.deployment, question);
  }
}
