import type { Timeline } from "./types.ts";

/** State of the deployment at the end of a timeline window. */
export interface Sample {
  prefill: { active: number; starting: number; draining: number };
  decode: { active: number; starting: number; draining: number };
  kvUsage: number;
  prefillQueueTokens: number;
  runningRequests: number;
}

/** More windows than this are merged in pairs: closed loops and long runs have no length that is known beforehand. */
const MOST_WINDOWS = 1440;

/** Fills `RunRecord.timeline` window by window. */
export class TimelineRecorder {
  readonly timeline: Timeline;
  #arrivals = 0;
  #windowStartMs = 0;

  constructor(windowMs: number) {
    this.timeline = {
      windowMs,
      startMs: [],
      requestRate: [],
      prefillActive: [],
      prefillStarting: [],
      prefillDraining: [],
      decodeActive: [],
      decodeStarting: [],
      decodeDraining: [],
      kvUsage: [],
      prefillQueueTokens: [],
      runningRequests: [],
    };
  }

  arrived(): void {
    this.#arrivals++;
  }

  /** Closes the window that ends at `nowMs`; a window of no length is dropped. */
  close(nowMs: number, sample: Sample): void {
    const widthMs = nowMs - this.#windowStartMs;
    if (widthMs <= 0) return;
    const { timeline } = this;
    timeline.startMs.push(this.#windowStartMs);
    timeline.requestRate.push((this.#arrivals / widthMs) * 1000);
    timeline.prefillActive.push(sample.prefill.active);
    timeline.prefillStarting.push(sample.prefill.starting);
    timeline.prefillDraining.push(sample.prefill.draining);
    timeline.decodeActive.push(sample.decode.active);
    timeline.decodeStarting.push(sample.decode.starting);
    timeline.decodeDraining.push(sample.decode.draining);
    timeline.kvUsage.push(sample.kvUsage);
    timeline.prefillQueueTokens.push(sample.prefillQueueTokens);
    timeline.runningRequests.push(sample.runningRequests);
    this.#arrivals = 0;
    this.#windowStartMs = nowMs;
    if (timeline.startMs.length >= MOST_WINDOWS) this.#mergePairs();
  }

  /** Two windows become one: rates are averaged, states are those at its end. */
  #mergePairs(): void {
    const { timeline } = this;
    const { windowMs, startMs, requestRate, ...states } = timeline;
    timeline.windowMs = windowMs * 2;
    timeline.startMs = startMs.filter((_, i) => i % 2 === 0);
    timeline.requestRate = timeline.startMs.map((_, i) => (requestRate[2 * i]! + requestRate[2 * i + 1]!) / 2);
    for (const [name, values] of Object.entries(states)) {
      timeline[name as keyof typeof states] = values.filter((_, i) => i % 2 === 1);
    }
  }
}
