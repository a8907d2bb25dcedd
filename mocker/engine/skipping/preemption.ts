import { Flag } from "./sequence-store.ts";
import type { SkippingEngine } from "./skipping.ts";

/** A request that has left the batch gives its blocks back and queues again. @param filledTokens whose KV is in its blocks */
export function queueAgain(engine: SkippingEngine, victim: number, filledTokens: number): void {
  const { store } = engine;
  store.flags[victim] = (store.flags[victim]! & ~(Flag.transferred | Flag.recomputing)) | Flag.preempted;
  engine.blocks.releasePreempted(victim, filledTokens);
  store.computed[victim] = 0;
  engine.waiting.insertAt(engine.handOff.placeOfPreempted(victim), victim);
  engine.counters.preemptions++;
  engine.listener.preempted(victim, engine.nowMs);
}
