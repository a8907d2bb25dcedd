import type { Clock } from "#common";
import { type QueueRank, RouterQueue } from "#mocker/router";
import { crowded, nobodyCame } from "../refusals.ts";

export interface WaitingRoomOptions {
  /** Requests that wait at most; further ones are refused (429). */
  limit: number;
  /** Model ms that one waits at most. */
  timeoutMs: number;
  clock: Clock;
}

/** Where one stands in line. */
export interface Standing {
  rank: QueueRank;
  /** Who finds nothing holds up those behind in the same lane alone. */
  lane: string | number | null;
}

interface Waiter {
  lane: Standing["lane"];
  attempt: () => boolean;
}

const FIRST_COME: Standing = { rank: { tier: 0, key: 0 }, lane: null };

/** Requests that find no worker to take them, or no free place: in order, up to a limit, up to a time. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #queues = new Map<string, RouterQueue<Waiter>>();
  #count = 0;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * What `find` returns as soon as it returns something; it is asked now, unless others wait in the same queue, and
   * whenever `wake` is called for that queue.
   * @param because what is waited for, as a message shows it
   * @param standing asked once the request has to wait; without, who came first goes first
   * @throws OpenAiError 429 where too many wait, 503 after the time is over
   */
  waitFor<T>(
    queue: string,
    find: () => T | null,
    signal: AbortSignal,
    because: string,
    standing: () => Standing = () => FIRST_COME,
  ): Promise<T> | T {
    const line = this.#queues.get(queue);
    if (line === undefined || line.length === 0) {
      const found = find();
      if (found !== null) return found;
    }
    signal.throwIfAborted();
    if (this.#count >= this.#options.limit) throw crowded(this.#count, because);
    return new Promise((resolve, reject) => {
      const { clock, timeoutMs } = this.#options;
      const { rank, lane } = standing();
      const leave = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        own.remove(entry);
        // Names of queues may be what clients made up.
        if (own.length === 0 && this.#queues.get(queue) === own) this.#queues.delete(queue);
        this.#count--;
      };
      const attempt = () => {
        try {
          const found = find();
          if (found === null) return false;
          leave();
          resolve(found);
        } catch (error) {
          leave();
          reject(error);
        }
        return true;
      };
      const onAbort = () => {
        leave();
        reject(signal.reason);
      };
      // Node takes at most 2³¹ − 1 ms.
      const waitMs = Math.min(2 ** 31 - 1, timeoutMs / clock.timeScale);
      const timer = setTimeout(() => {
        leave();
        reject(nobodyCame(timeoutMs, because));
      }, waitMs);
      signal.addEventListener("abort", onAbort);
      this.#count++;
      const own = this.#queues.get(queue) ?? new RouterQueue<Waiter>();
      this.#queues.set(queue, own);
      const entry = own.push({ lane, attempt }, rank);
    });
  }

  /** Lets those in a queue try again, in order; in each lane until one finds nothing. */
  wake(queue: string): void {
    const shut = new Set<Standing["lane"]>();
    this.#queues.get(queue)?.sweep(({ lane, attempt }) => {
      if (shut.has(lane)) return false;
      const found = attempt();
      if (!found) shut.add(lane);
      return found;
    });
  }

  /** The same for all queues whose names begin so. */
  wakeAll(prefix: string): void {
    for (const queue of [...this.#queues.keys()]) if (queue.startsWith(prefix)) this.wake(queue);
  }
}
