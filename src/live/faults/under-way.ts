import type { LoadResult } from "#src/loadgen";
import type { RoleName } from "#src/record";

/**
 * How many requests were under way to workers of a role, or back from them, between two instants, as far as their clients can tell: with
 * prefill workers until the first token, with decode workers (or any, null) from the beginning to the end.
 */
export function requestsUnderWay(
  { requests, details }: Pick<LoadResult, "requests" | "details">,
  role: RoleName | null,
  fromMs: number,
  toMs: number,
): number {
  let count = 0;
  for (let i = 0; i < requests.count; i++) {
    const firstMs = role === "prefill" ? requests.firstTokenMs[i]! : Number.NaN;
    // Without an end it was cut off with the run.
    const leftMs = [firstMs, details.endedMs[i]!].find((ms) => !Number.isNaN(ms)) ?? Number.POSITIVE_INFINITY;
    if (requests.arrivalMs[i]! < toMs && leftMs > fromMs) count++;
  }
  return count;
}
