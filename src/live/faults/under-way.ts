import type { RoleName } from "#src/record";
import type { KeptLoad } from "../load-keeper.ts";

/**
 * How many requests were under way to workers of a role, or back from them, between two instants, as far as their clients can tell: with
 * prefill workers until the first token, with decode workers (or any, null) from the beginning to the end.
 */
export function requestsUnderWay(
  { requests: { arrivalMs }, details: { endedMs }, blocks }: Pick<KeptLoad, "requests" | "details" | "blocks">,
  role: RoleName | null,
  fromMs: number,
  toMs: number,
): number {
  let count = 0;
  // Of the whole workload; blocks may leave out requests that were never sent.
  let request = -1;
  for (const { requests: table } of blocks()) {
    for (let i = 0; i < table.count; i++) {
      if (Number.isNaN(table.arrivalMs[i]!)) continue;
      do request++;
      while (Number.isNaN(arrivalMs[request]!));
      const firstMs = role === "prefill" ? table.firstTokenMs[i]! : Number.NaN;
      // Without an end it was cut off with the run.
      const leftMs = [firstMs, endedMs[request]!].find((ms) => !Number.isNaN(ms)) ?? Number.POSITIVE_INFINITY;
      if (arrivalMs[request]! < toMs && leftMs > fromMs) count++;
    }
  }
  return count;
}
