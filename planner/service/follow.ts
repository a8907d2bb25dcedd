import type { PlannerServiceOptions, TickAction } from "./types.ts";

const SETTLE_MS = 1_800_000;

/** Tells when a change that the platform has taken over has come about, or that it has not for long. */
export class ChangeFollower {
  readonly #options: Pick<PlannerServiceOptions, "connector" | "clock" | "log" | "settleMs">;
  #current = new AbortController();
  #following: Promise<void> = Promise.resolve();

  constructor(options: Pick<PlannerServiceOptions, "connector" | "clock" | "log" | "settleMs">) {
    this.#options = options;
  }

  /** A later change is followed instead of an earlier one. */
  follow({ message }: TickAction): void {
    this.#current.abort();
    this.#current = new AbortController();
    this.#following = this.#follow(message, this.#current.signal);
  }

  async stop(): Promise<void> {
    this.#current.abort();
    await this.#following;
  }

  async #follow(message: string, signal: AbortSignal): Promise<void> {
    const { connector, clock, log, settleMs = SETTLE_MS } = this.#options;
    const beganMs = clock.nowMs();
    try {
      const isSettled = await connector.settled?.(settleMs, signal);
      if (signal.aborted || isSettled === undefined) return;
      const tookS = ((clock.nowMs() - beganMs) / clock.timeScale / 1000).toFixed(1);
      if (isSettled) log.info(`came about after ${tookS} s: ${message}`);
      else log.warn(`has not come about for ${tookS} s: ${message}`);
    } catch (error) {
      if (!signal.aborted)
        log.warn(`it can't be told whether this came about: ${message}: ${(error as Error).message}`);
    }
  }
}
