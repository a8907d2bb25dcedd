import { type Clock, TimerQueue } from "#common";
import { builtinTokenizer } from "#mocker/text";
import { buildWorkload, type Content, type TrafficEntry, type Workload } from "#scenarios";
import type { LoadTarget } from "#src/loadgen";
import { type LoadColumns, loadColumns } from "../../src/loadgen/columns.ts";
import { Driver, type DriverPlan } from "../../src/loadgen/driver.ts";
import { wholeRows } from "../../src/loadgen/rows.ts";

export function madeContent(isl: number, osl: number): Content {
  return {
    patterns: [{ share: null, isl: { kind: "fixed", value: isl }, osl: { kind: "fixed", value: osl } }],
    sessions: null,
    prefix: null,
    blockTokens: 16,
  };
}

export function closedLoop(concurrency: number, requests: number, content = madeContent(20, 4)): Workload {
  const entry: TrafficEntry = { kind: "closed", startMs: 0, durationMs: null, requests, concurrency, content };
  return buildWorkload([entry], { seed: 1 });
}

/** Requests at these times, ms. */
export function openLoop(timesMs: readonly number[], isl = 20, osl = 4): Workload {
  return {
    count: timesMs.length,
    isl: new Int32Array(timesMs.length).fill(isl),
    osl: new Int32Array(timesMs.length).fill(osl),
    arrivalMs: Float64Array.from(timesMs),
    openHeads: Int32Array.from(timesMs, (_, i) => i),
    closedLoops: [],
    nextTurn: null,
    thinkMs: null,
    turnIndex: null,
    sessionIds: null,
    prompts: null,
    horizonMs: timesMs.at(-1) ?? 0,
  };
}

/** A run of `count` requests in which all is random, as one generator would have measured it. */
export function madeRun(count: number, values: readonly number[]) {
  const columns = loadColumns(count, false);
  for (let row = 0; row < count; row++) {
    const value = (k: number) => values[(row * 7 + k) % values.length]!;
    for (const table of [columns.requests, columns.details] as unknown as Record<string, Float64Array | number>[]) {
      Object.values(table).forEach((column, k) => {
        if (typeof column !== "number") column[row] = value(k) * (column instanceof Float64Array ? 1.37 : 1);
      });
    }
    columns.requests.status[row] = value(3) % 4;
    columns.details.cancelled[row] = value(4) % 2;
  }
  return columns;
}

/** Time that stands still until a test moves it. */
export class ManualTime {
  readonly timers: TimerQueue;
  readonly clock: Clock;
  #nowMs = 0;
  #wake: () => void = () => {};

  constructor(timeScale = 1, epochUnixMs = 1_700_000_000_000) {
    this.clock = {
      timeScale,
      nowMs: () => this.#nowMs,
      waitMs: (atMs) => Math.max(0, (atMs - this.#nowMs) / timeScale),
      toUnixMs: (atMs) => epochUnixMs + atMs / timeScale,
      fromUnixMs: (unixMs) => (unixMs - epochUnixMs) * timeScale,
    };
    this.timers = new TimerQueue(this.clock, (wake) => {
      this.#wake = wake;
      return { arm: () => {}, disarm: () => {}, close: () => {} };
    });
  }

  /** Moves on to `nowMs` at once: what was due meanwhile comes late. */
  jump(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#wake();
  }

  /** Moves on to `nowMs` through every deadline on the way. */
  advance(nowMs: number): void {
    while (this.timers.nextMs <= nowMs) this.jump(Math.max(this.#nowMs, this.timers.nextMs));
    this.jump(nowMs);
  }
}

/** A driver whose time the test holds. */
export function manualDriver(
  workload: Workload,
  target: Pick<LoadTarget, "url"> & Partial<LoadTarget>,
  plan: Partial<DriverPlan> = {},
  time = new ManualTime(),
  columns = loadColumns(workload.count, false),
  rows = wholeRows(columns),
): { driver: Driver; columns: LoadColumns; time: ManualTime } {
  const full: DriverPlan = {
    workload,
    openHeads: workload.openHeads,
    closedLoops: workload.closedLoops,
    target: { model: "fake", ...target },
    prompts: { tokenizer: builtinTokenizer(), seed: 1 },
    runId: "run",
    sendRequestStart: false,
    cancelShare: 0,
    requestTimeoutMs: null,
    clients: null,
    endMs: null,
    ...plan,
  };
  return { driver: new Driver(full, rows, time.clock, time.timers), columns, time };
}

/** Lets the event loop turn until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
