import type { AttentionShape, Collective, ExpertShape } from "../tables/types.ts";
import type { OpTimes } from "./analytic.ts";
import type { Timer } from "./operation.ts";
import { ladderTimer, risingPlaneTimer, risingTimer, type Source } from "./timers.ts";

/** One rung of the ladder: who answers, and how far to trust it. */
export interface RankedTimes {
  /** Index in ORIGINS. */
  rank: number;
  times: OpTimes;
  /** Whether the last answer was bounded. */
  adjusted?(): boolean;
}

/** Makes the timers of an engine's operations. */
export interface Timing {
  /** Rows → µs; `quantised` where the input comes in the format already. */
  gemm(format: string, n: number, k: number, quantised?: boolean): Timer;
  /** (Prompts, tokens of each) → µs. */
  contextAttention(fmha: string, kv: string, shape: AttentionShape): Timer;
  /** (Sequences, context of each) → µs. */
  generationAttention(kv: string, shape: AttentionShape): Timer;
  /** Tokens, of so many elements each → µs. */
  allReduce(gpus: number, elementsPerToken: number): Timer;
  collective(kind: Collective, gpus: number, elementsPerToken: number): Timer;
  /** Tokens of all attention ranks together → µs. */
  experts(shape: ExpertShape, format: string, moeTp: number, moeEp: number): Timer;
  contextMla(fmha: string, kv: string, gemm: string, heads: number, modelHeads: number): Timer;
  generationMla(kv: string, gemm: string, heads: number, modelHeads: number): Timer;
}

/**
 * Timers that ask each rung in turn, the first that knows answering.
 *
 * @param sanitise whether times may not fall while the work grows
 */
export function timingOf(rungs: readonly RankedTimes[], sanitise: boolean): Timing {
  const ladder = (micros: (times: OpTimes) => Source["micros"]): Timer =>
    ladderTimer(
      rungs.map(({ rank, times, adjusted }) => ({
        rank,
        micros: micros(times),
        ...(adjusted === undefined ? {} : { adjusted }),
      })),
    );
  const line = (micros: (times: OpTimes) => (x: number) => number): Timer => {
    const timer = ladder(micros);
    return sanitise ? risingTimer(timer) : timer;
  };
  const plane = (micros: (times: OpTimes) => Source["micros"]): Timer => {
    const timer = ladder(micros);
    return sanitise ? risingPlaneTimer(timer) : timer;
  };
  return {
    gemm: (format, n, k, quantised = false) => line((times) => (m) => times.gemm(format, m, n, k, quantised)),
    contextAttention: (fmha, kv, shape) =>
      plane((times) => (batch, tokens) => times.contextAttention(fmha, kv, shape, batch, tokens)),
    generationAttention: (kv, shape) =>
      plane((times) => (batch, context) => times.generationAttention(kv, shape, batch, context)),
    allReduce: (gpus, perToken) => line((times) => (tokens) => times.allReduce(gpus, tokens * perToken)),
    collective: (kind, gpus, perToken) => line((times) => (tokens) => times.collective(kind, gpus, tokens * perToken)),
    experts: (shape, format, moeTp, moeEp) =>
      line((times) => (tokens) => times.experts(shape, format, tokens, moeTp, moeEp)),
    contextMla: (fmha, kv, gemm, heads, modelHeads) =>
      plane((times) => (batch, tokens) => times.contextMla(fmha, kv, gemm, heads, batch, tokens, 0, modelHeads)),
    generationMla: (kv, gemm, heads, modelHeads) =>
      plane((times) => (batch, context) => times.generationMla(kv, gemm, heads, batch, context, modelHeads)),
  };
}
