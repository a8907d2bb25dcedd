import { join } from "node:path";
import { stringify } from "yaml";
import { writeFileAtomically } from "#common";
import type { ProfilingPhase } from "../types.ts";

export const STATUS_FILE = "profiler_status.yaml";

/** A time stays a text for readers of YAML 1.1, such as Python's. */
const YAML = { version: "1.1", singleQuote: true } as const;

export type RunState = "running" | "success" | "failed";

export interface RunStatus {
  status: RunState;
  phase: ProfilingPhase;
  message: string;
  error?: string;
  /** Files by what they are, relative to the output folder. */
  outputs?: Record<string, string>;
}

/** What a phase does, in the words of the profiler's status file. */
export const PHASE_MESSAGES: Readonly<Record<ProfilingPhase, string>> = {
  Initializing: "Profiler job started",
  SweepingPrefill: "Sweeping parallelization strategies",
  SweepingDecode: "Sweeping parallelization strategies",
  SelectingConfig: "Filtering results and selecting cost-efficient configuration",
  BuildingCurves: "Building interpolation curves for planner integration",
  GeneratingDGD: "Packaging data and generating final DGD YAML",
  Done: "Profiler completed successfully",
};

/** Measured sweeps say what they measure. */
export const THOROUGH_MESSAGES: Readonly<Partial<Record<ProfilingPhase, string>>> = {
  SweepingPrefill: "Sweeping parallelization strategies for prefill, measuring TTFT",
  SweepingDecode: "Sweeping parallelization strategies for decode, measuring ITL",
};

export function candidateMessage(phase: string, index: number, total: number, label: string, gpus: number): string {
  return `Benchmarking ${phase} candidate ${index}/${total}: ${label} (${gpus} GPUs)`;
}

/** Writes `profiler_status.yaml`, whole or not at all: others poll it. */
export function writeStatus(folder: string, status: RunStatus, now: Date): void {
  const document = {
    status: status.status,
    timestamp: `${now.toISOString().slice(0, 19)}Z`,
    message: status.message,
    ...(status.error === undefined ? {} : { error: status.error }),
    ...(status.outputs === undefined ? {} : { outputs: status.outputs }),
    phase: status.phase,
  };
  writeFileAtomically(join(folder, STATUS_FILE), stringify(document, YAML));
}
