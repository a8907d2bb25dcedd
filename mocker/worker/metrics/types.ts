import type { Registry } from "#common/prometheus";
import type { ForwardPassRecord } from "#mocker/protocol";

/** How a sequence ended, in vLLM's words. */
export type FinishedReason = "stop" | "length" | "abort" | "error";

/** What is known of a sequence when it has ended; model ms, NaN for what never happened. */
export interface SequenceRecord {
  arrivalMs: number;
  /** First entry into the running batch. */
  admittedMs: number;
  firstTokenMs: number;
  lastTokenMs: number;
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  /** As the request had it; null where it left the length open. */
  maxTokens: number | null;
}

/** Told by the HTTP surface what happens to sequences; `rank` is the data-parallel one. Nothing here allocates. */
export interface EngineMetrics {
  /** A request of `choices` sequences was taken. */
  request(rank: number, choices: number, maxTokens: number): void;
  /**
   * @param hostTokens of the cached ones, those from host memory
   * @param transferred the prompt was computed by a prefill worker
   */
  admitted(rank: number, promptTokens: number, cachedTokens: number, hostTokens: number, transferred: boolean): void;
  firstToken(rank: number, ttftMs: number): void;
  /** A token after the first, so long after the one before. */
  nextToken(rank: number, gapMs: number): void;
  finished(rank: number, reason: FinishedReason, record: SequenceRecord): void;
  passEnded(record: ForwardPassRecord): void;
}

/** All metrics of one worker. */
export interface WorkerMetrics extends EngineMetrics {
  readonly registry: Registry;
}
