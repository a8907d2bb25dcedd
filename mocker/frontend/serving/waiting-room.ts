import type { Clock } from "#common";
import { crowded, nobodyCame } from "../refusals.ts";

export interface WaitingRoomOptions {
  /** Requests that wait at most; further ones are refused (429). */
  limit: number;
  /** Model ms that one waits at most. */
  timeoutMs: number;
  clock: Clock;
}

interface Waiter {
  attempt: () => boolean;
  leave: () => void;
}

/** Requests that find no ready worker, or no free place: in order, up to a limit, up to a time. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #queues = new Map<string, Set<Waiter>>();
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
   * @throws OpenAiError 429 where too many wait, 503 after the time is over
   */
  waitFor<T>(queue: string, find: () => T | null, signal: AbortSignal, because: string): Promise<T> | T {
    const line = this.#queues.get(queue);
    if (line === undefined || line.size === 0) {
      const found = find();
      if (found !== null) return found;
    }
    signal.throwIfAborted();
    if (this.#count >= this.#options.limit) throw crowded(this.#count, because);
    return new Promise((resolve, reject) => {
      const { clock, timeoutMs } = this.#options;
      const waiter: Waiter = {
        attempt: () => {
          try {
            const found = find();
            if (found === null) return false;
            waiter.leave();
            resolve(found);
          } catch (error) {
            waiter.leave();
            reject(error);
          }
          return true;
        },
        leave: () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
          const line = this.#queues.get(queue);
          line?.delete(waiter);
          // Names of queues may be what clients made up.
          if (line?.size === 0) this.#queues.delete(queue);
          this.#count--;
        },
      };
      const onAbort = () => {
        waiter.leave();
        reject(signal.reason);
      };
      // Node takes at most 2³¹ − 1 ms.
      const waitMs = Math.min(2 ** 31 - 1, timeoutMs / clock.timeScale);
      const timer = setTimeout(() => {
        waiter.leave();
        reject(nobodyCame(timeoutMs, because));
      }, waitMs);
      signal.addEventListener("abort", onAbort);
      this.#count++;
      const own = this.#queues.get(queue) ?? new Set();
      this.#queues.set(queue, own.add(waiter));
    });
  }

  /** Lets those in a queue try again, in order, until one finds nothing. */
  wake(queue: string): void {
    const line = this.#queues.get(queue);
    if (line === undefined) return;
    for (const waiter of [...line]) if (!waiter.attempt()) break;
  }

  /** The same for all queues whose names begin so. */
  wakeAll(prefix: string): void {
    for (const queue of [...this.#queues.keys()]) if (queue.startsWith(prefix)) this.wake(queue);
  }
}
