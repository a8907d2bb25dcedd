import { serialize } from "node:v8";
import type { RunOutcome } from "#src/study";
import { evaluate, type SweepCommon, type SweepRun } from "../sweep/evaluate.ts";
import type { ShardInput } from "./kinds.ts";

/** A shard of `sweep`: its runs one after another. */
export async function sweepRuns({ common, shard }: ShardInput): Promise<Uint8Array> {
  const outcomes: RunOutcome[] = [];
  for (const run of (shard as { runs: SweepRun[] }).runs) outcomes.push(await evaluate(run, common as SweepCommon));
  return serialize(outcomes);
}
