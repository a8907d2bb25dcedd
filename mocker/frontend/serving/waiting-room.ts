import type { Clock } from "#common";
import { FIRST_COME, type Lane, placeOf, type QueueClass, type QueueRank, RouterQueue } from "#mocker/router";
import { classFull, crowded, nobodyCame } from "../refusals.ts";

export interface WaitingRoomOptions {
  /** Requests that wait at most; further ones are refused (429). */
  limit: number;
  /** Model ms that one waits at most. */
  timeoutMs: number;
  clock: Clock;
}

/** Where one stands in line. */
export interface Standing {
  /** Policy classes of the queue; undefined: none. */
  classes(): readonly QueueClass[] | undefined;
  /** Asked once where it waits, and before where there are classes: the first answer holds. */
  rank(): QueueRank;
  /** Workers there, by which the classes' limits count. */
  workers(): number;
  /** Whether it would find something now; asked where there are several classes. */
  mayGo(): boolean;
  /** Asked at every look. */
  lane(): Lane;
  /** Model ms at which it may find something though nothing has happened by then; Infinity: never. Asked after every look. */
  changesMs(): number;
}

interface Waiter {
  readonly standing: Standing;
  /** Whether it found something, or has failed: it waits no more. */
  attempt(): boolean;
}

const AS_IT_COMES: Standing = {
  classes: () => undefined,
  rank: () => FIRST_COME,
  workers: () => 0,
  mayGo: () => true,
  lane: () => null,
  changesMs: () => Number.POSITIVE_INFINITY,
};
/** Node takes at most 2³¹ − 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

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
   * What `find` returns as soon as it returns something; it is asked now, unless others in the same queue go first, and
   * whenever `wake` is called for that queue.
   * @param because what is waited for, as a message shows it
   * @param standing without, who came first goes first
   * @throws OpenAiError 429 where too many wait, 529 where too many do in its class, 503 after the time is over
   */
  waitFor<T>(
    queue: string,
    find: () => T | null,
    signal: AbortSignal,
    because: string,
    standing: Standing = AS_IT_COMES,
  ): Promise<T> | T {
    const line = this.#queues.get(queue);
    const place = standing.classes() === undefined ? 0 : placeOf(standing.rank());
    if (line === undefined || !line.holdsUp(standing.lane(), place)) {
      const found = find();
      if (found !== null) return found;
    }
    signal.throwIfAborted();
    if (this.#count >= this.#options.limit) throw crowded(this.#count, because);
    const overflow = this.#queues.get(queue)?.overflow(standing.rank(), Math.max(1, standing.workers())) ?? null;
    if (overflow !== null) throw classFull(overflow);
    return new Promise((resolve, reject) => {
      const { clock, timeoutMs } = this.#options;
      const over = () => {
        clearTimeout(timer);
        clearTimeout(look);
        signal.removeEventListener("abort", onAbort);
        this.#count--;
      };
      const waiter: Waiter = {
        standing,
        attempt: () => {
          try {
            const found = find();
            if (found === null) {
              lookLater();
              return false;
            }
            resolve(found);
          } catch (error) {
            reject(error);
          }
          over();
          return true;
        },
      };
      const leave = (reason: unknown) => {
        over();
        this.#queues.get(queue)?.remove(waiter);
        this.#forgetEmpty(queue);
        reject(reason);
      };
      const onAbort = () => leave(signal.reason);
      const waitMs = Math.min(LONGEST_TIMER_MS, timeoutMs / clock.timeScale);
      const timer = setTimeout(() => leave(nobodyCame(timeoutMs, because)), waitMs);
      let look: NodeJS.Timeout | undefined;
      const lookLater = () => {
        clearTimeout(look);
        const changesMs = standing.changesMs();
        if (!Number.isFinite(changesMs)) return;
        // Timers may come a little early.
        const lookMs = Math.min(LONGEST_TIMER_MS, Math.ceil(clock.waitMs(changesMs)) + 1);
        look = setTimeout(() => this.wake(queue), lookMs);
      };
      signal.addEventListener("abort", onAbort);
      this.#count++;
      const own = this.#queues.get(queue) ?? new RouterQueue<Waiter>(standing.classes());
      this.#queues.set(queue, own);
      own.push(waiter, standing.rank(), standing.lane());
      lookLater();
    });
  }

  /** Lets those in a queue try again, in order; in each lane until one finds nothing. */
  wake(queue: string): void {
    this.#queues.get(queue)?.sweep(
      (waiter) => waiter.attempt(),
      ({ standing }) => standing.lane(),
      ({ standing }) => standing.mayGo(),
    );
    this.#forgetEmpty(queue);
  }

  /** The same for all queues whose names begin so. */
  wakeAll(prefix: string): void {
    for (const queue of [...this.#queues.keys()]) if (queue.startsWith(prefix)) this.wake(queue);
  }

  /** Names of queues may be what clients made up. */
  #forgetEmpty(queue: string): void {
    if (this.#queues.get(queue)?.length === 0) this.#queues.delete(queue);
  }
}
