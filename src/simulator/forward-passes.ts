import type { Engine } from "#mocker/engine";
import type { ForwardPass } from "#planner/core";
import type { Pool } from "./pool.ts";

/** An engine of which no pass has ended for this long says so, as vLLM's does: what runs longer looks idle meanwhile. */
const HEARTBEAT_MS = 1000;

/**
 * The last pass that is over of every rank of the ready workers, in order of workers; a heartbeat, all zero, for a rank that has
 * ended none for a second, whether it is idle or not. A rank that has just become ready has told nothing yet.
 * @param engines of the whole run, by their places @param nowMs time of the observation, ms of the run
 */
export function forwardPasses(pool: Pool, engines: readonly Engine[], nowMs: number): ForwardPass[] {
  return pool.active.flatMap((worker) =>
    worker.engines.flatMap((index, dpRank): ForwardPass[] => {
      const engine = engines[index]!;
      const last = engine.finishedPass(nowMs);
      const rank = { workerId: `${pool.role}/${worker.id}`, dpRank, counterId: engine.counters.passes };
      if (nowMs - (last?.endMs ?? worker.life.readyMs) >= HEARTBEAT_MS) return [{ ...rank, ...IDLE }];
      if (last === null) return [];
      const { durationMs, scheduled, queued } = last;
      return [{ ...rank, wallTimeS: durationMs / 1000, scheduled, queued }];
    }),
  );
}

const IDLE: Pick<ForwardPass, "wallTimeS" | "scheduled" | "queued"> = {
  wallTimeS: 0,
  scheduled: { prefillRequests: 0, prefillTokens: 0, prefillKvTokens: 0, decodeRequests: 0, decodeKvTokens: 0 },
  queued: { prefillRequests: 0, prefillTokens: 0, decodeRequests: 0, decodeKvTokens: 0 },
};
