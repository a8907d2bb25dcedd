import {
  acceptRates,
  DYNOSIM_ENGINE_QUIRKS,
  defaultBlockSize,
  ENGINE_DEFAULTS,
  ENGINE_QUIRK_NAMES,
  type EngineConfig,
  type EngineFamily,
  type EngineRole,
  engineConfig,
  MOST_DRAFT_TOKENS,
  NO_ENGINE_QUIRKS,
  type SglangOptions,
  type SpeculativeDecoding,
} from "#mocker/engine";
import { badFlag, contradiction } from "./errors.ts";
import type { MockerFlags } from "./flags.ts";
import { kvOffloadOf } from "./kv-sizes.ts";
import { reasoningOf } from "./reasoning.ts";
import { sourceBlocks, type TimingSource, timingOf } from "./timing.ts";

/** The engine that the flags ask for. @throws UserError MOCKER_…, ENGINE_BAD_CONFIG */
export function engineOf(flags: MockerFlags, role: EngineRole, source: TimingSource): EngineConfig {
  const family = flags.engineType ?? ENGINE_DEFAULTS.family;
  const blockSize = blockSizeOf(flags, family);
  const numGpuBlocks = flags.numGpuBlocksOverride ?? sourceBlocks(source, blockSize) ?? ENGINE_DEFAULTS.numGpuBlocks;
  const quirks = flags.quirks?.includes("dynosim") ? { ...DYNOSIM_ENGINE_QUIRKS } : { ...NO_ENGINE_QUIRKS };
  for (const name of ENGINE_QUIRK_NAMES) quirks[name] ||= flags.quirks?.includes(name) ?? false;
  const prefixCaching = flags.enablePrefixCaching ?? ENGINE_DEFAULTS.prefixCaching;
  return engineConfig({
    family,
    sglang: sglangOf(flags),
    role,
    numGpuBlocks,
    blockSize,
    maxNumSeqs: flags.maxNumSeqs ?? ENGINE_DEFAULTS.maxNumSeqs,
    maxNumBatchedTokens: flags.maxNumBatchedTokens ?? ENGINE_DEFAULTS.maxNumBatchedTokens,
    maxModelLen: flags.maxModelLen ?? null,
    prefixCaching,
    chunkedPrefill: flags.enableChunkedPrefill ?? ENGINE_DEFAULTS.chunkedPrefill,
    preemption: flags.preemptionMode ?? ENGINE_DEFAULTS.preemption,
    speculative: speculativeOf(flags),
    kvOffload: kvOffloadOf(flags, source, blockSize),
    thinkingRatio: reasoningOf(flags.reasoning)?.ratio ?? 0,
    prefillScheduleInterval: flags.prefillScheduleInterval ?? ENGINE_DEFAULTS.prefillScheduleInterval,
    prefillDecodeInterval: flags.prefillDecodeInterval ?? ENGINE_DEFAULTS.prefillDecodeInterval,
    watermark: flags.watermark ?? ENGINE_DEFAULTS.watermark,
    speedupRatio: flags.speedupRatio ?? 1,
    decodeSpeedupRatio: flags.decodeSpeedupRatio ?? 1,
    quirks,
    kvEvents: flags.kvEvents !== false && prefixCaching && role !== "decode",
    timing: timingOf(source, numGpuBlocks * blockSize, flags),
  });
}

function speculativeOf({ aicNextn, aicNextnAcceptRates, aicMtpSeed = 42 }: MockerFlags): SpeculativeDecoding | null {
  if (aicNextn === undefined) {
    if (aicNextnAcceptRates === undefined) return null;
    throw contradiction("--aic-nextn-accept-rates", "nothing is drafted", "--aic-nextn says how many tokens are");
  }
  if (aicNextn > MOST_DRAFT_TOKENS) {
    throw badFlag("--aic-nextn", aicNextn, `1 to ${MOST_DRAFT_TOKENS} draft tokens`);
  }
  return { acceptRates: acceptRates(aicNextn, aicNextnAcceptRates), seed: aicMtpSeed };
}

/** SGLang's pages are its blocks. */
function blockSizeOf({ blockSize, sglangPageSize }: MockerFlags, family: EngineFamily): number {
  if (family !== "sglang" || sglangPageSize === undefined) return blockSize ?? defaultBlockSize(family);
  if (blockSize !== undefined && blockSize !== sglangPageSize) {
    throw contradiction(
      "--sglang-page-size, --block-size",
      `a page is a block, and one says ${sglangPageSize}, the other ${blockSize}`,
    );
  }
  return sglangPageSize;
}

function sglangOf(flags: MockerFlags): { [K in keyof SglangOptions]: SglangOptions[K] | undefined } {
  return {
    // SGLang's own word for the same order.
    schedulePolicy: flags.sglangSchedulePolicy === "fcfs" ? "fifo" : flags.sglangSchedulePolicy,
    maxPrefillTokens: flags.sglangMaxPrefillTokens,
    chunkedPrefillSize: flags.sglangChunkedPrefillSize,
    clipMaxNewTokens: flags.sglangClipMaxNewTokens,
    scheduleConservativeness: flags.sglangScheduleConservativeness,
  };
}
