import type { Discovery, DiscoverySink } from "./types.ts";

/** Addresses that were given; whether a worker is there is for the health checks to tell. */
export class StaticDiscovery implements Discovery {
  readonly #urls: readonly string[];

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  async start(sink: DiscoverySink): Promise<void> {
    for (const url of this.#urls) sink.add(url);
  }

  async stop(): Promise<void> {}
}
