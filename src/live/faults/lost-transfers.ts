import { FRONTEND_MAX_ATTEMPTS } from "#mocker/router";
import type { FaultRecord } from "#src/record";
import type { LostTransfer } from "../child/protocol.ts";

type Effects = Pick<FaultRecord, "requests" | "retried" | "failed">;

/**
 * What became of requests whose transfers were lost, by fault, each counted once: the frontend has the prompt computed again, and gives
 * up the attempt of the client whose transfer is lost for the last time that it tries.
 */
export function transferEffects(all: readonly LostTransfer[]): Map<number, Effects> {
  const touched = new Map<number, Record<keyof Effects, Set<string>>>();
  const losses = new Map<string, number>();
  for (const { fault, requestId } of [...all].sort((a, b) => a.atUnixMs - b.atUnixMs)) {
    const own = touched.get(fault) ?? { requests: new Set(), retried: new Set(), failed: new Set() };
    touched.set(fault, own);
    const lost = (losses.get(requestId) ?? 0) + 1;
    losses.set(requestId, lost);
    // Later attempts of a client have their number behind a dot.
    const [request = requestId] = requestId.split(".");
    own.requests.add(request);
    own[lost < FRONTEND_MAX_ATTEMPTS ? "retried" : "failed"].add(request);
  }
  return new Map(
    [...touched].map(([fault, { requests, retried, failed }]) => [
      fault,
      { requests: requests.size, retried: retried.size, failed: failed.size },
    ]),
  );
}
