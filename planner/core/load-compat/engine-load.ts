import type { ForwardPass, WorkerCounts } from "../types.ts";
import type { LoadReason } from "./words.ts";

/** The last forward pass of every rank of one engine. */
export type EngineLoad = readonly ForwardPass[];

/** The last pass of every rank, by engine, in order of workers as they come and of ranks. */
export function latestPasses(passes: readonly ForwardPass[]): EngineLoad[] {
  const engines = new Map<string, ForwardPass[]>();
  for (const pass of passes) {
    const ranks = engines.get(pass.workerId);
    if (ranks === undefined) {
      engines.set(pass.workerId, [pass]);
      continue;
    }
    const place = ranks.findIndex(({ dpRank }) => dpRank === pass.dpRank);
    if (place < 0) ranks.push(pass);
    else ranks[place] = pass;
  }
  const found = [...engines.values()];
  for (const ranks of found) if (ranks.length > 1) ranks.sort((a, b) => a.dpRank - b.dpRank);
  return found;
}

/** Why a pool's load can't be judged, or null: engines that are not seen, or not all of whose ranks are. */
export function coverageProblem(engines: readonly EngineLoad[], { active }: WorkerCounts): LoadReason | null {
  const ranks = engines[0]?.length ?? 0;
  const isCovered = engines.every((engine) => engine.length === ranks && engine.every(({ dpRank }, i) => dpRank === i));
  return engines.length === active && isCovered ? null : "worker_count_mismatch";
}

export function isScaling({ starting }: WorkerCounts): boolean {
  return starting > 0;
}
