import type { PackedFiles } from "./files.ts";

/** Independent shards of one piece of work, as a value: what processes and pods are handed. */
export interface ShardJob {
  /** What is done with a shard: a name that `understudy shard` knows. */
  kind: string;
  /** Version of the package that cut the job. */
  version: string;
  /** What all shards have in common, JSON. */
  common: unknown;
  /** One value a shard, JSON. */
  shards: unknown[];
  /** All shards are made ready first, and begin at one instant. None of them is tried again, and none is there before all are. */
  startTogether: boolean;
  /** Files of the one who cut the job; null where they lie in the same places for the shards. */
  files: PackedFiles | null;
}

/** A job with what nobody else may read: keys, headers. JSON. */
export interface ShardWork {
  job: ShardJob;
  secret: unknown;
}

export interface ShardProgress {
  shards: number;
  done: number;
  running: number;
  /** Why others wait, where something is known. */
  waiting?: string;
}

export interface ExecuteOptions {
  /** Ends all shards and takes away all that was made for them. */
  signal?: AbortSignal;
  onProgress?: (progress: ShardProgress) => void;
  /** A shard's result, as soon as it was handed in: it is there whatever becomes of the others. */
  onResult?: (index: number, result: Uint8Array) => void;
}

/** Where shards run. */
export interface Executor {
  /**
   * Results by shard, as they were handed in.
   * @throws UserError EXECUTOR_… that names the shards that failed; whatever `signal` was aborted with
   */
  execute(work: ShardWork, options?: ExecuteOptions): Promise<Uint8Array[]>;
}

/** The other side: how a shard speaks to the executor. */
export interface ShardSide {
  /** Says that the shard could begin, and waits for the common instant. @returns Unix ms */
  begin(): Promise<number>;
  /** Hands the result in; once. */
  finish(result: Uint8Array): Promise<void>;
}
