import { formatDuration } from "#common";
import { plural } from "../format.ts";
import type { FaultSummary } from "./recovery.ts";

/** What a fault did, in a few words each: whom it struck, what became of requests, what the planner missed. */
export function faultEffects({ workers, requests, retried, failed, ticks }: FaultSummary): string[] {
  const parts: string[] = [];
  if (workers > 0) parts.push(plural(workers, "worker"));
  if (requests > 0) {
    const what = [...(retried > 0 ? [`${retried} retried`] : []), ...(failed > 0 ? [`${failed} broken off`] : [])];
    parts.push(`${plural(requests, "request")}${what.length === 0 ? "" : ` (${what.join(", ")})`}`);
  }
  if (ticks > 0) parts.push(plural(ticks, "tick"));
  return parts.length === 0 ? ["struck nobody"] : parts;
}

export function recoveryText({ recoveryMs }: FaultSummary): string {
  if (recoveryMs === 0) return "SLA kept throughout";
  return recoveryMs === Number.POSITIVE_INFINITY
    ? "SLA not kept again"
    : `SLA kept again after ${formatDuration(recoveryMs)}`;
}
