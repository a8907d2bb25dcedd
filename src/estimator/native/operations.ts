import type { GpuSystem } from "../systems/types.ts";
import { EXACT, type Operation, type Pass, type Timer } from "./operation.ts";

/** Share of memory bandwidth and fixed time of an element-wise kernel; aiconfigurator 0.12.0's system files. */
const STREAM_SHARE = 0.8;
const STREAM_FIXED_US = 3;

/** Time of an element-wise kernel that moves so many bytes, µs. */
export function streamMicros(system: GpuSystem, bytes: number): number {
  return (bytes / (STREAM_SHARE * system.memoryBytesPerSecond)) * 1e6 + STREAM_FIXED_US;
}

/** New tokens of a pass on this rank. */
const rows = (pass: Pass): number => pass.batch * pass.tokens;

export function streamOperation(name: string, count: number, system: GpuSystem, bytesPerToken: number): Operation {
  return { name, count, verdict: EXACT, micros: (pass) => streamMicros(system, rows(pass) * bytesPerToken) };
}

/** An operation whose size is the number of new tokens, `share` of them. */
export function tokenOperation(name: string, count: number, timer: Timer, share = 1): Operation {
  return { name, count, verdict: timer.verdict, micros: (pass) => timer.micros(rows(pass) * share, 0) };
}

/** An operation on one token of each sequence, such as the output's logits. */
export function sequenceOperation(name: string, count: number, timer: Timer): Operation {
  return { name, count, verdict: timer.verdict, micros: (pass) => timer.micros(pass.batch, 0) };
}

/**
 * Attention of prompts. What a cached prefix saves is its share of the causal square: (f² − p²) / f².
 *
 * @param fixedUs rotary embedding, normalisation and writing of the cache
 */
export function contextAttentionOperation(name: string, count: number, timer: Timer, fixedUs: number): Operation {
  return {
    name,
    count,
    verdict: timer.verdict,
    micros: ({ batch, tokens, prefix }) => {
      const full = tokens + prefix;
      const share = prefix / full;
      return timer.micros(batch, full) * (1 - share * share) + fixedUs;
    },
  };
}

export function generationAttentionOperation(name: string, count: number, timer: Timer): Operation {
  return { name, count, verdict: timer.verdict, micros: (pass) => timer.micros(pass.batch, pass.context) };
}

/** Activations handed to the next pipeline stage. */
export function stageOperation(name: string, hops: number, system: GpuSystem, bytesPerToken: number): Operation {
  return {
    name,
    count: hops,
    verdict: EXACT,
    micros: (pass) => STAGE_LATENCY_US + (rows(pass) * bytesPerToken * 1e6) / system.interNodeBytesPerSecond,
  };
}

/** aiconfigurator 0.12.0's system files, `p2p_latency`. */
const STAGE_LATENCY_US = 10;
