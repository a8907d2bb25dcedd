import { randomStream } from "#common";
import { type Pace, realPace } from "../pace.ts";
import type { Leadership } from "../types.ts";

/** One candidate's part in an election, whatever holds the ballot. */
export interface Campaign {
  /** Name of who leads, as far as known. */
  readonly holder: string | null;
  /**
   * Becomes leader where nobody leads, and stays it where it leads; one attempt.
   * @returns whether this candidate leads now
   * @throws Error where the ballot can't be reached
   */
  attempt(): Promise<boolean>;
  /**
   * How long the leader's lease is still to be respected, ms, as this candidate sees it; null where that is not known or the
   * ballot keeps it itself.
   */
  readonly leftMs: number | null;
  /** Gives the lead away, where it has it. */
  resign(): Promise<void>;
  close(): Promise<void>;
}

export interface ElectionTimes {
  /** Others leave a leader alone for so long after its last renewal, ms. */
  leaseMs: number;
  /** A leader that could not renew for so long stops leading, ms; less than `leaseMs`. */
  renewDeadlineMs: number;
  /** Between attempts, ms. */
  retryMs: number;
}

/** As client-go's leader election has them by default. */
export const ELECTION_TIMES: ElectionTimes = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

export interface ElectorOptions {
  /** Name of this candidate, unlike all others'. */
  identity: string;
  times?: Partial<ElectionTimes>;
  pace?: Pace;
  /** Uniform in [0, 1): spreads the attempts of those who wait. Default: a stream seeded with the identity. */
  random?: () => number;
}

/** Those who wait try again after `retryMs · (1 … 1 + 1.2)`, as in client-go. */
const JITTER = 1.2;
/** Those who wait for the end of a lease come within so long of it, ms. */
const SPREAD_MS = 200;

/** Times of an election, all set. @throws RangeError where a leader could outlive its lease */
export function electionTimes(times: Partial<ElectionTimes> = {}): ElectionTimes {
  const all = { ...ELECTION_TIMES, ...times };
  if (!(all.retryMs > 0 && all.retryMs < all.renewDeadlineMs && all.renewDeadlineMs < all.leaseMs)) {
    throw new RangeError("expected 0 < retryMs < renewDeadlineMs < leaseMs");
  }
  return all;
}

/**
 * Competes for the lead and keeps it, by the rules of client-go: a leader stops leading before its lease ends for others. That
 * holds for a process that was stopped and goes on, too, because `isLeader` looks at the clock.
 */
export class Elector implements Leadership {
  readonly #campaign: Campaign;
  readonly #times: ElectionTimes;
  readonly #pace: Pace;
  readonly #random: () => number;
  readonly #end = new AbortController();
  #changed: (isLeader: boolean) => void = () => {};
  #running: Promise<void> | null = null;
  /** When the last successful attempt began; null: not leading. */
  #renewedMs: number | null = null;
  #problem: string | null = null;

  constructor(campaign: Campaign, options: ElectorOptions) {
    this.#campaign = campaign;
    this.#times = electionTimes(options.times);
    this.#pace = options.pace ?? realPace;
    this.#random = options.random ?? randomStream(options.identity, "leader election").next;
  }

  get isLeader(): boolean {
    return this.#renewedMs !== null && this.#pace.nowMs() - this.#renewedMs < this.#times.renewDeadlineMs;
  }

  get holder(): string | null {
    return this.#campaign.holder;
  }

  /** What went wrong at the last attempt; null where it went well. */
  get problem(): string | null {
    return this.#problem;
  }

  async start(changed: (isLeader: boolean) => void): Promise<void> {
    if (this.#running !== null) return;
    this.#changed = changed;
    this.#running = this.#run(this.#end.signal);
  }

  async release(): Promise<void> {
    this.#end.abort();
    await this.#running;
    const led = this.#renewedMs !== null;
    this.#stopLeading();
    try {
      if (led) await this.#campaign.resign();
    } catch (error) {
      this.#problem = messageOf(error);
    } finally {
      await this.#campaign.close();
    }
  }

  async #run(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      await this.#attempt(ended);
      if (ended.aborted) return;
      await this.#pace.sleep(this.#waitMs(), ended);
    }
  }

  /** A lease that ends before the next look is due is looked at as soon as it has. */
  #waitMs(): number {
    const { retryMs } = this.#times;
    if (this.#renewedMs !== null) return retryMs;
    const laterMs = retryMs * (1 + JITTER * this.#random());
    const leftMs = this.#campaign.leftMs;
    if (leftMs === null || leftMs <= 0) return laterMs;
    return Math.min(laterMs, leftMs + SPREAD_MS * this.#random());
  }

  async #attempt(ended: AbortSignal): Promise<void> {
    const beganMs = this.#pace.nowMs();
    const attempt = this.#campaign.attempt().then(
      (leads) => {
        this.#problem = null;
        return leads;
      },
      (error: unknown) => {
        this.#problem = messageOf(error);
        return null;
      },
    );
    const leads = this.#renewedMs === null ? await attempt : await this.#whileLeading(attempt);
    const isFresh = this.#pace.nowMs() - beganMs < this.#times.renewDeadlineMs;
    if (leads && isFresh) {
      const before = this.#renewedMs;
      this.#renewedMs = beganMs;
      if (before === null && !ended.aborted) this.#changed(true);
    } else if (leads === false || !this.isLeader) {
      this.#stopLeading();
    }
  }

  /** An attempt that takes longer than the lead lasts ends it; its answer may still make this candidate leader anew. */
  async #whileLeading(attempt: Promise<boolean | null>): Promise<boolean | null> {
    const leftMs = this.#renewedMs! + this.#times.renewDeadlineMs - this.#pace.nowMs();
    const answered = new AbortController();
    const deadline = this.#pace.sleep(Math.max(0, leftMs), answered.signal).then(() => "late" as const);
    const first = await Promise.race([attempt, deadline]);
    answered.abort();
    if (first !== "late") return first;
    this.#stopLeading();
    return attempt;
  }

  #stopLeading(): void {
    if (this.#renewedMs === null) return;
    this.#renewedMs = null;
    this.#changed(false);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
