import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "#common";
import { HEADERS } from "#mocker/protocol";

/** Headers of a client that its workers should see. */
const PASSED_ON = [
  HEADERS.dataParallelRank,
  HEADERS.sessionId,
  "x-correlation-id",
  HEADERS.dynamoSessionId,
  "traceparent",
  "tracestate",
  "user-agent",
] as const;

/** Headers for a worker. When the request left its client, or else when it arrived here, goes along. */
export function workerHeaders(
  headers: IncomingHttpHeaders,
  requestId: string,
  arrivalMs: number,
  clock: Clock,
  always: Record<string, string>,
): Record<string, string> {
  const start = headers[HEADERS.requestStart];
  const passed: Record<string, string> = {
    ...always,
    "content-type": "application/json",
    [HEADERS.requestId]: requestId,
    [HEADERS.requestStart]: typeof start === "string" ? start : `t=${(clock.toUnixMs(arrivalMs) / 1000).toFixed(6)}`,
  };
  for (const name of PASSED_ON) {
    const value = headers[name];
    if (typeof value === "string") passed[name] = value;
  }
  return passed;
}
