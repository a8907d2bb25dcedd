/** What a shard is told, and how it begins. */
export interface ShardInput {
  common: unknown;
  shard: unknown;
  secret: unknown;
  index: number;
  shards: number;
  /** Says that it is ready and waits for the common start. @returns Unix ms */
  begin(): Promise<number>;
}

export type ShardWorker = (input: ShardInput) => Promise<Uint8Array>;

/** What can be done with a shard, by the job's kind. */
export const SHARD_KINDS: Readonly<Record<string, () => Promise<ShardWorker>>> = {
  run: async () => (await import("./run-cells.ts")).runCells,
  load: async () => (await import("./send-part.ts")).sendPart,
  sweep: async () => (await import("./sweep-runs.ts")).sweepRuns,
};
