import type { Observation } from "./types.ts";

/** Arrivals per second of the window; null where they are not known. */
export function knownRate({ startedRequests, windowMs }: Observation): number | null {
  return startedRequests === null || !(windowMs > 0) ? null : (startedRequests / windowMs) * 1000;
}
