import { formatDuration } from "#common";
import { formatClock, plural } from "../format.ts";
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

/** `–1:30`, the end behind the beginning; empty where it lasted no time, or has no end. */
export function untilText({ atMs, untilMs }: FaultSummary): string {
  return untilMs === null || untilMs === atMs ? "" : `–${formatClock(untilMs)}`;
}

/** How well the run got over it. */
export function recoveryGrade({ recoveryMs }: FaultSummary): "good" | "warn" | "bad" {
  if (recoveryMs === 0) return "good";
  return recoveryMs === Number.POSITIVE_INFINITY ? "bad" : "warn";
}

export function recoveryText({ recoveryMs }: FaultSummary): string {
  if (Number.isNaN(recoveryMs)) return "the run ended before";
  if (recoveryMs === 0) return "SLA kept throughout";
  return recoveryMs === Number.POSITIVE_INFINITY
    ? "SLA not kept again"
    : `SLA kept again after ${formatDuration(recoveryMs)}`;
}
