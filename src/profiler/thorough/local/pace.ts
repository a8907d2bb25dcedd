import type { TimingModel } from "#mocker/engine";
import type { PlannedWork } from "../driver.ts";

/**
 * What sockets and event loops take is real time, however fast an engine is played: a time to first token has to last so long,
 * and a run's decoding, and a pass of it, that it is about a percent of them. Real ms.
 */
const LEAST_TTFT_MS = 60;
const LEAST_DECODE_MS = 400;
const LEAST_PASS_MS = 1.5;
/** Two cores that carry worker and client move some 60,000 tokens a second. */
const LEAST_PASS_PER_REQUEST_MS = 0.016;
/** Engines are slowed down no further, so that the shortest of times does not take for ever. */
const SLOWEST = 1 / 20;

/**
 * Prompts that are sent at once arrive at a real engine within a pass or two; here they take tens or hundreds of passes. Until all
 * are in, passes last so long, real ms: hardly any tokens come before the batch is whole.
 */
const GATHER_MS = 200;

/** Plays the times of an engine as fast as they can be measured. */
export class PacedEngine {
  readonly timing: TimingModel;
  readonly #times: TimingModel;
  readonly #ranks: number;
  readonly #fastest: number;
  #speed: number;
  /** Requests of a decode batch that have not been seen yet. */
  #missing = 0;

  constructor(times: TimingModel, ranks: number, fastest: number) {
    this.#times = times;
    this.#ranks = ranks;
    this.#fastest = fastest;
    this.#speed = fastest;
    this.timing = {
      kind: times.kind,
      chunkWorkMs: (startTokens, endTokens) => times.chunkWorkMs(startTokens, endTokens),
      prefillMs: (batch, newTokens, cachedTokens, chunkWorkMs) => {
        const ms = times.prefillMs(batch, newTokens, cachedTokens, chunkWorkMs) / this.#speed;
        this.#missing -= batch;
        return this.#missing > 0 ? Math.max(ms, GATHER_MS) : ms;
      },
      decodeMs: (batch, activeKvTokens, meanContext) => {
        const ms = times.decodeMs(batch, activeKvTokens, meanContext) / this.#speed;
        return this.#missing > 0 ? Math.max(ms, GATHER_MS) : ms;
      },
      extrapolations: () => times.extrapolations(),
    };
  }

  /** Sets the speed for some work, and tells it. */
  plan(work: PlannedWork): number {
    this.#missing = work.kind === "decode" ? work.requests : 0;
    this.#speed = speedFor(work, this.#times, this.#ranks, this.#fastest);
    return this.#speed;
  }
}

/** Speed at which an idle engine's times of this work can be measured to a percent; `fastest` at most. */
export function speedFor(work: PlannedWork, timing: TimingModel, ranks: number, fastest: number): number {
  if (work.kind === "warm-up") return fastest;
  const batch = Math.max(1, Math.ceil(work.requests / ranks));
  if (work.kind === "prefill") {
    const { isl } = work;
    const ttftMs = batch * timing.prefillMs(1, isl, 0, timing.chunkWorkMs(0, isl));
    return within(ttftMs / LEAST_TTFT_MS, fastest);
  }
  const context = work.isl + work.osl / 2;
  const passMs = timing.decodeMs(batch, batch * context, context);
  const leastMs = Math.max(LEAST_PASS_MS, LEAST_DECODE_MS / work.osl, work.requests * LEAST_PASS_PER_REQUEST_MS);
  return within(passMs / leastMs, fastest);
}

function within(speed: number, fastest: number): number {
  return Math.min(fastest, Math.max(SLOWEST, speed));
}
