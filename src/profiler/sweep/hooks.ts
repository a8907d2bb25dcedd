import type { SweepPhase } from "../space/mapping.ts";
import type { Mapping } from "../types.ts";

/** Where the pipeline says what it does. */
export interface PipelineLog {
  info(text: string): void;
  /** For the log file alone. */
  detail(text: string): void;
  /** Said, and kept for the result. */
  warning(text: string): void;
  error(text: string): void;
}

/** Results of candidates that an earlier run left behind, and where new ones go. */
export interface CandidateStore {
  /** Undefined where there is none, or one of other questions. */
  load(folder: string, question: unknown): unknown;
  save(folder: string, question: unknown, result: unknown): void;
}

/** What a sweep or an interpolation works with. */
export interface PipelineContext {
  log: PipelineLog;
  signal: AbortSignal;
  /** Folder of a candidate within the output folder. */
  folderOf(phase: SweepPhase, mapping: Mapping): string;
  store: CandidateStore;
  /** Called before each candidate, `index` from 1. */
  onCandidate?(phase: SweepPhase, mapping: Mapping, index: number, total: number): void;
}
