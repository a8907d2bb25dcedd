import { passNanoseconds } from "./nanoseconds.ts";
import type { EngineConfig, PassCounters } from "./types.ts";

/**
 * KV on its way from host memory to the GPU. As vLLM's offloading connector has it: whose blocks are loaded has them, and its
 * seat, from its admission on, is computed from the first pass on that begins when they are there, and keeps nobody else from
 * running. Loads go one after the other, each in whole ns: bytes ÷ bytes per second ÷ speed-up.
 */
export class HostLoads {
  readonly #config: EngineConfig;
  readonly #counters: PassCounters;
  /** When the blocks of each request are there, in that order, ms. */
  readonly #untilMs = new Map<number, number>();
  /** The last load's end, ms. */
  #freeMs = 0;
  /** Whether any is under way: asked several times a pass, which the map would answer by a call. */
  any = false;

  constructor(config: EngineConfig, counters: PassCounters) {
    this.#config = config;
    this.#counters = counters;
  }

  /** End of the earliest load, ms; Infinity where none is under way. */
  get nextMs(): number {
    for (const untilMs of this.#untilMs.values()) return untilMs;
    return Number.POSITIVE_INFINITY;
  }

  has(request: number): boolean {
    return this.#untilMs.has(request);
  }

  durationMs(blocks: number): number {
    const { kvOffload, speedupRatio, quirks } = this.#config;
    if (kvOffload === null || blocks === 0) return 0;
    const ms = ((blocks * kvOffload.bytesPerBlock) / kvOffload.bytesPerSecond) * 1000;
    return (passNanoseconds(ms, speedupRatio, quirks.doubleRounding) / 1e9) * 1000;
  }

  /** Books the blocks as hits, and begins their load where that takes any time. */
  begin(request: number, blocks: number, nowMs: number): void {
    if (blocks === 0) return;
    const durationMs = this.durationMs(blocks);
    this.#counters.hostHitTokens += blocks * this.#config.blockSize;
    this.#counters.hostLoadMs += durationMs;
    if (durationMs === 0) return;
    this.#freeMs = Math.max(this.#freeMs, nowMs) + durationMs;
    this.#untilMs.set(request, this.#freeMs);
    this.any = true;
  }

  /** The request gives its blocks back. What was read for it still takes its time. */
  drop(request: number): void {
    this.#untilMs.delete(request);
    this.any = this.#untilMs.size > 0;
  }

  /** The requests whose blocks are there by now, once. */
  arrived(nowMs: number): number[] {
    const arrived: number[] = [];
    for (const [request, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) break;
      arrived.push(request);
    }
    for (const request of arrived) this.#untilMs.delete(request);
    this.any = this.#untilMs.size > 0;
    return arrived;
  }
}
