import { type FSWatcher, watch } from "node:fs";
import { makeFolder } from "#common";
import { readLeases } from "#mocker/protocol";
import type { Discovery, DiscoverySink } from "./types.ts";

export interface FileDiscoveryOptions {
  folder: string;
  /** Real ms between two looks at the folder; changes are mostly seen at once. Default 1000. */
  pollMs?: number;
  /** Unix ms. */
  now?: () => number;
}

const DEFAULT_POLL_MS = 1000;

/** Workers of a folder of leases, which the workers write and renew. One whose lease has run out is gone. */
export class FileDiscovery implements Discovery {
  readonly #options: FileDiscoveryOptions;
  readonly #known = new Set<string>();
  #sink: DiscoverySink | null = null;
  #timer: NodeJS.Timeout | null = null;
  #watcher: FSWatcher | null = null;
  #looking: Promise<void> | null = null;
  #again = false;

  constructor(options: FileDiscoveryOptions) {
    this.#options = options;
  }

  /** @throws the file system's error where the folder can't be made or read */
  async start(sink: DiscoverySink): Promise<void> {
    this.#sink = sink;
    const { folder, pollMs = DEFAULT_POLL_MS } = this.#options;
    makeFolder(folder);
    await this.look();
    try {
      this.#watcher = watch(folder, { persistent: false }, () => void this.look().catch(() => {}));
      this.#watcher.on("error", () => this.#watcher?.close());
    } catch {
      // Some file systems can't be watched: then there is the timer alone.
    }
    this.#timer = setInterval(() => void this.look().catch(() => {}), pollMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#sink = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#watcher?.close();
    await this.#looking?.catch(() => {});
  }

  /** Reads the folder now; once more where it is being read already. */
  async look(): Promise<void> {
    if (this.#looking !== null) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#read();
    try {
      await this.#looking;
    } finally {
      this.#looking = null;
    }
  }

  async #read(): Promise<void> {
    do {
      this.#again = false;
      const { folder, now = Date.now } = this.#options;
      const leases = await readLeases(folder, now());
      if (this.#sink === null) return;
      const found = new Set(leases.map(({ card }) => card.url));
      for (const url of this.#known) {
        if (found.has(url)) continue;
        this.#known.delete(url);
        this.#sink.remove(url);
      }
      for (const { card } of leases) {
        if (this.#known.has(card.url)) continue;
        this.#known.add(card.url);
        this.#sink.add(card.url, card);
      }
    } while (this.#again);
  }
}
