import type { RoutingRecord } from "#src/record";

/** Nothing routed yet: blocks −1, nobody has waited. */
export function routingRecord(count: number, blockSize: number): RoutingRecord {
  return {
    overlapBlocks: new Int32Array(count).fill(-1),
    bestOverlapBlocks: new Int32Array(count).fill(-1),
    waitMs: new Float64Array(count),
    blockSize,
  };
}
