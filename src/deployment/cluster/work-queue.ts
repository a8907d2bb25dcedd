import type { Pace } from "#planner/connectors";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 30_000;

interface Entry {
  running: boolean;
  again: boolean;
  failures: number;
}

/**
 * Work by key, as client-go's queues have it: one at a time for a key, wishes that come meanwhile are one more run, failures are tried
 * again, later each time.
 */
export class WorkQueue {
  readonly #work: (key: string) => Promise<void>;
  readonly #failed: (key: string, error: unknown) => void;
  readonly #pace: Pace;
  readonly #entries = new Map<string, Entry>();
  readonly #stop = new AbortController();
  readonly #runs = new Set<Promise<void>>();

  constructor(work: (key: string) => Promise<void>, failed: (key: string, error: unknown) => void, pace: Pace) {
    this.#work = work;
    this.#failed = failed;
    this.#pace = pace;
  }

  add(key: string): void {
    if (this.#stop.signal.aborted) return;
    const entry = this.#entries.get(key) ?? { running: false, again: false, failures: 0 };
    this.#entries.set(key, entry);
    if (entry.running) {
      entry.again = true;
      return;
    }
    entry.running = true;
    const run = this.#run(key, entry).finally(() => this.#runs.delete(run));
    this.#runs.add(run);
  }

  /** No work begins any more; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#runs);
  }

  async #run(key: string, entry: Entry): Promise<void> {
    do {
      entry.again = false;
      try {
        await this.#work(key);
        entry.failures = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#failed(key, error);
        await this.#pace.sleep(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** entry.failures), this.#stop.signal);
        entry.failures++;
        entry.again = true;
      }
    } while (entry.again && !this.#stop.signal.aborted);
    this.#entries.delete(key);
  }
}
