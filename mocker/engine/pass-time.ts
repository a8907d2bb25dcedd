import { passNanoseconds } from "./nanoseconds.ts";
import type { ScheduledItem } from "./sequence.ts";
import { speculates } from "./speculation.ts";
import type { EngineConfig } from "./types.ts";

/** What a pass has to compute; the sums are over its scheduled items. */
export interface PassWork {
  /** Prompts with at least one token computed in this pass. */
  prefillCount: number;
  /** Σ tokens known at the end of each prompt chunk, and at its start. */
  prefillEndSum: number;
  prefillStartSum: number;
  /** Σ of the timing model's marginal chunk work, ms. */
  chunkWorkMs: number;
  /** Sequences that add a token by decoding, and Σ of their context. */
  decodeCount: number;
  decodeContextSum: number;
}

export function emptyPassWork(): PassWork {
  return { prefillCount: 0, prefillEndSum: 0, prefillStartSum: 0, chunkWorkMs: 0, decodeCount: 0, decodeContextSum: 0 };
}

export function clearPassWork(work: PassWork): void {
  work.prefillCount = 0;
  work.prefillEndSum = 0;
  work.prefillStartSum = 0;
  work.chunkWorkMs = 0;
  work.decodeCount = 0;
  work.decodeContextSum = 0;
}

/** One more sequence decodes, with so much context. */
export function addDecode(work: PassWork, contextTokens: number): void {
  work.decodeCount++;
  work.decodeContextSum += contextTokens;
}

/** One of them decodes no more; 0: it did not. */
export function dropDecode(work: PassWork, contextTokens: number): void {
  if (contextTokens === 0) return;
  work.decodeCount--;
  work.decodeContextSum -= contextTokens;
}

/** Adds up what is scheduled. */
export function passWorkOf(config: EngineConfig, scheduled: readonly ScheduledItem[]): PassWork {
  const { quirks, role, timing } = config;
  const work = emptyPassWork();
  for (const item of scheduled) {
    const { sequence, tokens, computedBefore } = item;
    const context = decodeContext(config, item);
    if (context > 0) addDecode(work, context);
    if (sequence.transferred) continue;
    const end = computedBefore + tokens;
    const total = sequence.isl + sequence.generated;
    const promptEnd = sequence.recomputing && !quirks.freeOutputRecompute ? total : sequence.isl;
    if (computedBefore < promptEnd && !(role === "decode" && quirks.freeDecodeRecompute)) {
      work.prefillCount++;
      work.prefillEndSum += Math.min(end, promptEnd);
      work.prefillStartSum += computedBefore;
      work.chunkWorkMs += timing.chunkWorkMs(computedBefore, Math.min(end, promptEnd));
    }
  }
  return work;
}

/** Tokens that a scheduled sequence decodes with in this pass; 0: it adds none by decoding, as nobody does on a prefill engine. */
export function decodeContext(config: EngineConfig, { sequence, tokens, computedBefore }: ScheduledItem): number {
  if (config.role === "prefill") return 0;
  if (sequence.transferred) return sequence.isl;
  const end = computedBefore + tokens;
  const total = sequence.isl + sequence.generated;
  const promptEnd = sequence.recomputing && !config.quirks.freeOutputRecompute ? total : sequence.isl;
  // A prompt that is complete is drafted for at once, as DynoSim has it.
  return end === total && (end > promptEnd || speculates(config)) ? end : 0;
}

/** Prefill share of a pass, ms, rounded to whole ns after the speed-up. */
export function prefillPassMs(config: EngineConfig, work: PassWork): number {
  const { prefillCount, prefillEndSum, prefillStartSum } = work;
  if (prefillCount === 0) return 0;
  const newTokens = config.quirks.integerMeans
    ? prefillCount * (Math.floor(prefillEndSum / prefillCount) - Math.floor(prefillStartSum / prefillCount))
    : prefillEndSum - prefillStartSum;
  if (newTokens === 0) return 0;
  const ms = config.timing.prefillMs(prefillCount, newTokens, prefillStartSum, work.chunkWorkMs);
  return (passNanoseconds(ms, config.speedupRatio, config.quirks.doubleRounding) / 1e9) * 1000;
}

/** Decode share of a pass, ms, rounded to whole ns after the speed-ups. */
export function decodePassMs(config: EngineConfig, decodeCount: number, contextSum: number): number {
  if (decodeCount === 0) return 0;
  const meanContext = config.quirks.integerMeans ? Math.floor(contextSum / decodeCount) : contextSum / decodeCount;
  const ms = config.timing.decodeMs(decodeCount, contextSum, meanContext);
  const speedup = config.speedupRatio * config.decodeSpeedupRatio;
  return (passNanoseconds(ms, speedup, config.quirks.doubleRounding) / 1e9) * 1000;
}
