import type { EngineLoad } from "../types.ts";
import type { Plan } from "./plan.ts";
import { Flag } from "./sequence-store.ts";
import type { SkippingEngine } from "./skipping.ts";

export interface LastPass {
  durationMs: number;
  decodeCount: number;
  decodeContextSum: number;
}

/** The load as of `nowMs`: passes of the plan that are over by then count, though they are not yet booked. */
export function engineLoad(engine: SkippingEngine, plan: Plan, lastPass: LastPass, nowMs: number): EngineLoad {
  const { store, batch, waiting, work } = engine;
  // Beyond a walked pass nothing is planned.
  const passesOver = plan.count > 1 || batch.size > 0 ? plan.passesOver(nowMs) : 0;
  let kvTokens = batch.contextSum + passesOver * batch.size;
  let computedTokens = kvTokens - batch.size;
  let queuedPrefillTokens = 0;
  const { isl } = store.columns;
  for (let i = 0; i < waiting.length; i++) {
    const request = waiting.at(i);
    queuedPrefillTokens += Math.max(0, isl[request]! - store.computed[request]!);
  }
  for (let i = engine.runningCount - 1; i >= 0; i--) {
    const request = engine.running[i]!;
    // Whoever computes a prompt runs behind all that decode; on the walked path nobody counts as decoding.
    if ((store.flags[request]! & Flag.decoding) !== 0) break;
    queuedPrefillTokens += Math.max(0, isl[request]! - store.computed[request]!);
    kvTokens += isl[request]! + store.generated[request]!;
    computedTokens += store.computed[request]!;
  }
  const isLater = passesOver > 0;
  return {
    running: engine.runningCount,
    waiting: waiting.length + engine.handOff.reservationCount,
    queuedPrefillTokens,
    kvTokens,
    computedTokens,
    usedBlocks: engine.blocks.pool.owned + plannedBlocks(engine, plan, nowMs),
    lastPassMs: isLater ? plan.durationMs(passesOver - 1) : lastPass.durationMs,
    lastDecodeBatch: isLater ? work.decodeCount : lastPass.decodeCount,
    lastDecodeKvTokens: isLater
      ? work.decodeContextSum + (passesOver - 1) * work.decodeCount
      : lastPass.decodeContextSum,
  };
}

/** Blocks taken by passes of the plan that began before `nowMs`; the first took its own when it was scheduled. */
function plannedBlocks(engine: SkippingEngine, plan: Plan, nowMs: number): number {
  let begun = 1;
  while (begun < plan.count && plan.endMs(begun - 1) < nowMs) begun++;
  return plan.count > 1 ? engine.batch.newBlocksBetween(1, begun) : 0;
}
