import type { Timer, TimerQueue } from "#common";
import { type Sample, type Timeline, TimelineRecorder } from "#src/record";
import { type SimulationSpec, timelineWindowMs } from "#src/simulator";
import type { LiveDeployment } from "./deployment.ts";

const NO_WORKERS = { active: 0, starting: 0, draining: 0 };

/** Looks at the deployment at the end of each window of the timeline. */
export class TimelineSampler {
  readonly #deployment: LiveDeployment;
  readonly #timers: TimerQueue;
  readonly #windowMs: number;
  readonly #samples: { atMs: number; sample: Sample }[] = [];
  #timer: Timer | null = null;
  #reading: Promise<void> = Promise.resolve();

  constructor(deployment: LiveDeployment, timers: TimerQueue, spec: SimulationSpec) {
    this.#deployment = deployment;
    this.#timers = timers;
    this.#windowMs = timelineWindowMs(spec);
  }

  /** @param fail told what goes wrong */
  begin(fail: (error: unknown) => void): void {
    this.#arm(this.#windowMs, fail);
  }

  /** Resolves when what began has been read; no samples follow. */
  async end(): Promise<void> {
    this.close();
    await this.#reading;
  }

  close(): void {
    if (this.#timer !== null) this.#timers.cancel(this.#timer);
    this.#timer = null;
  }

  async now(): Promise<Sample> {
    const { pools } = this.#deployment;
    const loads = await this.#deployment.loads();
    let kvShare = 0;
    let kvWorkers = 0;
    let prefillQueueTokens = 0;
    let runningRequests = 0;
    for (const pool of [pools.prefill, pools.decode]) {
      if (pool === null) continue;
      const { numGpuBlocks, blockSize } = pool.spec.engine;
      for (const { name, state } of pool.workers) {
        if (state !== "active" && state !== "draining") continue;
        for (const load of loads.get(name) ?? []) {
          runningRequests += load.running;
          prefillQueueTokens += load.queuedPrefillTokens;
          if (pool.role === "decode") {
            kvShare += load.kvTokens / (numGpuBlocks * blockSize);
            kvWorkers++;
          }
        }
      }
    }
    return {
      prefill: pools.prefill?.counts() ?? NO_WORKERS,
      decode: pools.decode!.counts(),
      kvUsage: kvWorkers === 0 ? 0 : kvShare / kvWorkers,
      prefillQueueTokens,
      runningRequests,
    };
  }

  /** Windows with the arrivals in them (in order of time) and the state at their ends; `last` is the state at `endMs`. */
  timeline(arrivals: Float64Array, endMs: number, last: Sample): Timeline {
    const recorder = new TimelineRecorder(this.#windowMs);
    let arrived = 0;
    for (const { atMs, sample } of [...this.#samples, { atMs: endMs, sample: last }]) {
      if (atMs > endMs) break;
      // What arrives at the very end of a window belongs to the next one.
      for (; arrived < arrivals.length && (arrivals[arrived]! < atMs || atMs === endMs); arrived++) recorder.arrived();
      recorder.close(atMs, sample);
    }
    return recorder.timeline;
  }

  #arm(atMs: number, fail: (error: unknown) => void): void {
    this.#timer = this.#timers.at(atMs, () => {
      this.#reading = this.now().then((sample) => {
        this.#samples.push({ atMs, sample });
      }, fail);
      this.#arm(atMs + this.#windowMs, fail);
    });
  }
}
