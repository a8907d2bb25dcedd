import { availableParallelism } from "node:os";
import type { ExecutorFlags } from "./flags.ts";

/** Pods that work is cut into where nobody says how many. */
const DEFAULT_PODS = 8;

/** Deals items out to shards by turns, so that those that take long, which lie beside each other, are spread. */
export function byTurns<Item>(items: readonly Item[], { executor, shards }: ExecutorFlags): Item[][] {
  const wanted = shards ?? (executor === "kubernetes" ? DEFAULT_PODS : availableParallelism());
  const count = Math.min(items.length, wanted);
  return Array.from({ length: count }, (_, shard) => items.filter((__, i) => i % count === shard));
}

/** Which item it is that stands at a place of a shard's, of items that were dealt out by turns. */
export function itemAt(shard: number, place: number, shards: number): number {
  return shard + place * shards;
}

/** Results of items that were dealt out by turns, in the items' order. */
export function inOrder<Result>(byShard: readonly (readonly Result[])[]): Result[] {
  const count = byShard.reduce((sum, { length }) => sum + length, 0);
  return Array.from({ length: count }, (_, i) => byShard[i % byShard.length]![Math.floor(i / byShard.length)]!);
}
