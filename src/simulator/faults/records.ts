import { type Fault, faultEndMs, faultText } from "#scenarios/workload";
import type { FaultRecord } from "#src/record";

/** What is to be noted of a fault, before it has done anything. */
export function faultRecord(fault: Fault): FaultRecord {
  return {
    atMs: fault.atMs,
    untilMs: faultEndMs(fault),
    kind: fault.kind,
    text: faultText(fault),
    workers: 0,
    requests: 0,
    retried: 0,
    failed: 0,
    ticks: 0,
  };
}
