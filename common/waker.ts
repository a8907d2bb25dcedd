import { MessageChannel, Worker } from "node:worker_threads";

/** Wakes a process up, more exactly than Node's timers do. */
export interface Waker {
  /** Wakes once, `waitMs` real ms from now or a little later, never from within this call; replaces what was armed. */
  arm(waitMs: number): void;
  disarm(): void;
  close(): void;
}

export type WakerFactory = (wake: () => void) => Waker;

/** Node's timers have whole ms and come up to 1 ms late by the event loop's own clock; a coarse one ends so much earlier. */
const COARSE_MS = 1.2;
/** The helper thread is not worth its messages for less. */
const TOO_SHORT_MS = 0.15;
/** Its message takes some time to arrive, so it is sent early; what is left is polled, for this long at most. */
const MAX_LEAD_MS = 0.6;
/** The lead follows this quantile of what messages take, in steps of this size. */
const LEAD_QUANTILE = 0.7;
const LEAD_STEP_MS = 0.01;

/** Polls the event loop until a time has come; input is handled meanwhile. */
class Poller {
  readonly #wake: () => void;
  /** Monotonic time, ms; NaN where nothing is armed. */
  dueMs = Number.NaN;
  #polling = false;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  poll(): void {
    if (this.#polling) return;
    this.#polling = true;
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    this.#polling = false;
    const waitMs = this.dueMs - monotonicMs();
    if (waitMs <= 0) {
      this.dueMs = Number.NaN;
      this.#wake();
    } else if (waitMs <= COARSE_MS + 1) {
      this.poll();
    }
  };
}

/** Sleeps on a coarse timer and polls the last ms or two. */
export const pollingWaker: WakerFactory = (wake) => {
  const poller = new Poller(wake);
  let timeout: NodeJS.Timeout | undefined;
  const disarm = () => {
    poller.dueMs = Number.NaN;
    clearTimeout(timeout);
  };
  // Node counts from the time at which the loop's turn began: after a long turn a timer comes that much too early.
  const sleep = () => {
    const waitMs = poller.dueMs - monotonicMs();
    if (waitMs > COARSE_MS + 1) timeout = setTimeout(sleep, waitMs - COARSE_MS);
    else if (!Number.isNaN(waitMs)) poller.poll();
  };
  return {
    arm(waitMs) {
      clearTimeout(timeout);
      poller.dueMs = monotonicMs() + waitMs;
      sleep();
    },
    disarm,
    close: disarm,
  };
};

/**
 * A helper thread sleeps on a futex, which knows fractions of a ms, and sends a message shortly before the time has come.
 * At 100 wake-ups a second it costs a sixth of what polling costs. Until the thread runs, `pollingWaker` serves.
 */
export const threadWaker: WakerFactory = (wake) => {
  const memory = new SharedArrayBuffer(16);
  /** Changes whenever the helper has to look at `due` again. */
  const signal = new Int32Array(memory, 0, 1);
  const due = new Float64Array(memory, 8, 1);
  due[0] = Number.POSITIVE_INFINITY;
  const poller = new Poller(wake);
  const early = pollingWaker(wake);
  let thread: Worker | null = null;
  let running = false;
  let leadMs = MAX_LEAD_MS / 2;
  const { port1: port, port2: helperPort } = new MessageChannel();
  port.on("message", (sentForMs: number) => {
    running = true;
    if (sentForMs === 0) return;
    const tookMs = monotonicMs() - sentForMs;
    leadMs += LEAD_STEP_MS * (tookMs > leadMs ? LEAD_QUANTILE : LEAD_QUANTILE - 1);
    leadMs = Math.min(MAX_LEAD_MS, Math.max(0, leadMs));
    poller.poll();
  });
  port.unref();
  const begin = () => {
    const workerData = { memory, port: helperPort };
    thread = new Worker(HELPER, { eval: true, execArgv: [], workerData, transferList: [helperPort] });
    thread.unref();
  };
  const disarm = () => {
    poller.dueMs = Number.NaN;
    early.disarm();
    port.unref();
  };
  return {
    arm(waitMs) {
      if (thread === null) begin();
      if (!running) {
        early.arm(waitMs);
        return;
      }
      early.disarm();
      const dueMs = monotonicMs() + waitMs;
      poller.dueMs = dueMs;
      if (waitMs <= leadMs + TOO_SHORT_MS) {
        poller.poll();
        return;
      }
      port.ref();
      due[0] = dueMs - leadMs;
      Atomics.add(signal, 0, 1);
      Atomics.notify(signal, 0);
    },
    disarm,
    close() {
      disarm();
      port.close();
      void thread?.terminate();
    },
  };
};

/** As JavaScript, so that it runs in any build and without loaders. */
const HELPER = `
const { workerData: { memory, port } } = require("node:worker_threads");
const signal = new Int32Array(memory, 0, 1);
const due = new Float64Array(memory, 8, 1);
const monotonicMs = () => { const [s, ns] = process.hrtime(); return s * 1e3 + ns / 1e6; };
port.postMessage(0);
for (;;) {
  const seen = Atomics.load(signal, 0);
  const dueMs = due[0];
  const waitMs = dueMs - monotonicMs();
  if (waitMs > 0) {
    Atomics.wait(signal, 0, seen, waitMs);
  } else {
    port.postMessage(dueMs);
    Atomics.wait(signal, 0, seen);
  }
}
`;

/** The system's monotonic clock: the same in all threads, which `performance.now` is not. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
