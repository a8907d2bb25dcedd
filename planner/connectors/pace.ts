import { setTimeout as sleep } from "node:timers/promises";

/** Time as connectors feel it: a monotonic clock and waiting; tests hand in one that they turn themselves. */
export interface Pace {
  /** Monotonic, ms. */
  nowMs(): number;
  /** Resolves after `ms`, or as soon as `signal` is aborted; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const realPace: Pace = {
  nowMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch {
      // Aborted: that is an end of waiting, too.
    }
  },
};
