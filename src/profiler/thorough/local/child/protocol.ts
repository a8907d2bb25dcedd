import type { WorkerCard } from "#mocker/protocol";
import type { WorkerEngine } from "#src/deployment";
import type { EngineSpec } from "#src/estimator";
import type { PlannedWork } from "../../driver.ts";

/** Where the times of local engines come from. */
export type LocalTiming =
  /** The estimator's, of that very candidate. */
  | { kind: "estimator"; spec: EngineSpec }
  /** A profile's, shipped or in a file, whatever the candidate is; its KV capacity, too. */
  | { kind: "profile"; profile: string };

export interface LocalWorkerStart {
  engine: WorkerEngine;
  timing: LocalTiming;
  /** Longest prompt + output that the model takes, tokens. */
  contextLength: number;
  /** Real ms until it is ready. */
  startupMs: number;
  /** Times as fast as a real engine, at most. */
  speedup: number;
}

export type LocalWorkerCalls = {
  /** Resolves when it listens and its start-up is over. */
  start(options: LocalWorkerStart): Promise<WorkerCard>;
  /** Sets the speed for some work and tells it. */
  pace(work: PlannedWork): number;
};

export type LocalFrontendCalls = {
  /** Resolves to its URL when it sends requests to all workers. */
  start(cards: WorkerCard[]): Promise<string>;
};
