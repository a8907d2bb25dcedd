import type { KubernetesObject } from "#src/deployment";

/** What is about to be measured on a deployment, tokens. */
export type PlannedWork =
  /** Nothing of it is measured. */
  | { kind: "warm-up"; isl: number; requests: number }
  | { kind: "prefill"; isl: number; requests: number }
  | { kind: "decode"; isl: number; osl: number; requests: number };

/** A candidate that a driver has begun to bring up. */
export interface TrialDeployment {
  /** Its own name: no two that are there at a time share it. */
  readonly name: string;
  /** Base URL of its OpenAI endpoint; known once it is ready. */
  readonly url: string;
  /**
   * Resolves when requests would be served.
   * @throws CandidateFailed where it fails, or is not ready in time; the signal's reason where that aborts
   */
  waitReady(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Sees to it that the logs of all its components lie in `<work folder>/<deployment>/<component>/<replica>.log`.
   * @returns the files by component, lower case, in the order of replicas
   */
  saveLogs(): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * How many times as fast as a real engine it is going to do this work; times measured are to be multiplied with it. Asked
   * while it is idle, before every measurement. Absent: it is a real one.
   */
  pace?(work: PlannedWork): Promise<number>;
  /** Ends it and resolves when nothing of it is left. Idempotent. */
  delete(): Promise<void>;
}

export interface ApplyOptions {
  /** The candidate's folder. */
  workFolder: string;
}

/** Where candidates run: this machine, or a cluster. */
export interface DeploymentDriver {
  /** For messages: `local mockers`. */
  readonly name: string;
  /**
   * Begins to bring up what a DynamoGraphDeployment describes.
   * @param dgd with a `metadata.name` that nothing else has
   * @throws CandidateFailed where this one can't be brought up; UserError where none could
   */
  apply(dgd: KubernetesObject, options: ApplyOptions): Promise<TrialDeployment>;
  /** Names of what it brought up and that is still there. */
  remaining(): Promise<string[]>;
  /** Deletes all of that. Idempotent. */
  close(): Promise<void>;
}
