import type { WorkerCard } from "#mocker/protocol";
import type { Discovery, DiscoverySink } from "./types.ts";

/** Workers come and go as the program that holds this says. */
export class ManualDiscovery implements Discovery {
  #sink: DiscoverySink | null = null;
  readonly #known = new Map<string, WorkerCard | undefined>();

  async start(sink: DiscoverySink): Promise<void> {
    this.#sink = sink;
    for (const [url, card] of this.#known) sink.add(url, card);
  }

  async stop(): Promise<void> {
    this.#sink = null;
  }

  /** @param worker its address, or its card, which spares a question */
  add(worker: string | WorkerCard): void {
    const [url, card] = typeof worker === "string" ? [worker, undefined] : [worker.url, worker];
    this.#known.set(url, card);
    this.#sink?.add(url, card);
  }

  remove(url: string): void {
    this.#known.delete(url);
    this.#sink?.remove(url);
  }
}
