/** Wakes a process up, more exactly than Node's timers do. */
export interface Waker {
  /** Wakes once, `waitMs` real ms from now or a little later, never from within this call; replaces what was armed. */
  arm(waitMs: number): void;
  disarm(): void;
  close(): void;
}

export type WakerFactory = (wake: () => void) => Waker;

/**
 * Node's timers have whole ms and come up to 1 ms early or late by the event loop's own clock; a coarse one ends this much
 * before the deadline.
 */
const POLL_MS = 1.2;

/** Sleeps on a coarse timer, then turns the event loop until the time has come: input is handled meanwhile. */
export const pollingWaker: WakerFactory = (wake) => {
  let dueMs = Number.NaN;
  let timeout: NodeJS.Timeout | undefined;
  let polling = false;
  const poll = () => {
    polling = false;
    const waitMs = dueMs - performance.now();
    if (Number.isNaN(waitMs)) return;
    if (waitMs <= 0) {
      dueMs = Number.NaN;
      wake();
    } else if (waitMs > POLL_MS + 1) {
      sleep(waitMs);
    } else {
      polling = true;
      setImmediate(poll);
    }
  };
  const sleep = (waitMs: number) => {
    timeout = setTimeout(poll, waitMs - POLL_MS);
  };
  const disarm = () => {
    dueMs = Number.NaN;
    clearTimeout(timeout);
  };
  return {
    arm(waitMs) {
      clearTimeout(timeout);
      dueMs = performance.now() + waitMs;
      if (polling) return;
      if (waitMs > POLL_MS + 1) {
        sleep(waitMs);
      } else {
        polling = true;
        setImmediate(poll);
      }
    },
    disarm,
    close: disarm,
  };
};

export const defaultWaker = pollingWaker;
