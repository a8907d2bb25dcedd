import { randomStream } from "#common";
import { type Pace, realPace } from "../pace.ts";
import { ControlClient, type ControlClientOptions } from "./client.ts";
import type { DeploymentKey, LocalDeployment } from "./protocol.ts";

export interface LocalWatchOptions {
  control: Omit<ControlClientOptions, "pace" | "random">;
  deployment: DeploymentKey;
  pace?: Pace;
}

const LONGEST_POLL_MS = 30_000;
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 5_000;

/** Follows a local deployment by the control API's long poll; begins anew, slower each time, where that breaks. */
export class LocalWatch {
  readonly #options: LocalWatchOptions;
  readonly #client: ControlClient;
  readonly #pace: Pace;
  readonly #random: () => number;
  readonly #ended = new AbortController();
  #following: Promise<void> | null = null;
  #looked: Promise<void> | null = null;
  #last: LocalDeployment | null = null;
  #problem: { text: string; sinceMs: number } | null = null;

  constructor(options: LocalWatchOptions) {
    this.#options = options;
    this.#pace = options.pace ?? realPace;
    this.#random = randomStream(options.control.url, "local watch").next;
    this.#client = new ControlClient({ ...options.control, pace: this.#pace, random: this.#random });
  }

  /** The deployment as last seen, and for how long nobody has said that it is so, ms; null: it was never seen, or is gone. */
  get last(): { deployment: LocalDeployment; ageMs: number } | null {
    if (this.#last === null) return null;
    return { deployment: this.#last, ageMs: this.#problem === null ? 0 : this.#pace.nowMs() - this.#problem.sinceMs };
  }

  /** Why it is not followed now; null where it is. */
  get problem(): string | null {
    return this.#problem?.text ?? null;
  }

  /** Begins to follow; resolves when it has looked once, successfully or not. */
  start(): Promise<void> {
    if (this.#looked === null) {
      this.#looked = this.#look();
      this.#following = this.#looked.then(() => this.#follow());
    }
    return this.#looked;
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#client.close();
    await this.#following;
  }

  async #follow(): Promise<void> {
    for (let failures = 0; !this.#ended.signal.aborted; ) {
      if (this.#problem === null) {
        failures = 0;
      } else {
        const waitMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures++) * (0.5 + this.#random());
        await this.#pace.sleep(waitMs, this.#ended.signal);
      }
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const { deployment: key } = this.#options;
    const call = { signal: this.#ended.signal, deadlineMs: 0 };
    try {
      // A runner that came back must not keep us waiting for its next change.
      const known = this.#problem === null ? this.#last?.resourceVersion : undefined;
      const found =
        known === undefined
          ? await this.#client.deployment(key, call)
          : await this.#client.changed(key, known, LONGEST_POLL_MS, call);
      this.#last = found;
      if (found === null) this.#failed(`the runner knows no deployment ${key.namespace}/${key.name}`);
      else this.#problem = null;
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error));
    }
  }

  #failed(text: string): void {
    this.#problem = { text, sinceMs: this.#problem?.sinceMs ?? this.#pace.nowMs() };
  }
}
