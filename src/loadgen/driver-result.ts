import { monitorEventLoopDelay } from "node:perf_hooks";
import type { GapSketchState } from "#src/record";
import type { Driver, DriverCounts } from "./driver.ts";
import type { LoadFailure } from "./types.ts";

/** What a driver measured beside the columns, as a value that threads can send. */
export interface DriverResult {
  gaps: GapSketchState;
  lateness: GapSketchState;
  failures: LoadFailure[];
  retries: { endedMs: number[]; sentMs: number[] };
  counts: DriverCounts;
  connections: number;
  /** Time that the thread's event loop kept its sockets waiting: 99 of 100 samples were below this, real ms. */
  loopDelayMs: number;
}

const RESOLUTION_MS = 10;
const FEWEST_SAMPLES = 200;

/** Runs a driver from model time `startMs`, and watches the event loop meanwhile. */
export async function runDriver(driver: Driver, startMs: number): Promise<DriverResult> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  await driver.run(startMs);
  delays.disable();
  return {
    gaps: driver.gaps.state(),
    lateness: driver.lateness.state(),
    failures: driver.failures,
    retries: driver.retries,
    counts: driver.counts,
    connections: driver.connections,
    loopDelayMs: beyondResolution(delays),
  };
}

/** The histogram holds whole intervals of its own timer; with few of them the start is all there is to see. */
function beyondResolution(delays: ReturnType<typeof monitorEventLoopDelay>): number {
  return delays.count < FEWEST_SAMPLES ? 0 : Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
}
