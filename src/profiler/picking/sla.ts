import type { Pick, SlaRequest } from "../types.ts";
import { requestUnachievable, slaUpdated } from "./messages.ts";

export interface UpdatedSla {
  ttftMs: number;
  itlMs: number;
  warnings: string[];
}

/**
 * The targets that a planner is to keep after a pick: the wanted ones where the pick achieves them, else what it achieves, with a
 * warning. Under a limit of the whole request, TTFT and ITL are no targets of their own: both are that limit.
 *
 * @param osl output tokens of a request
 */
export function updatedSla(sla: SlaRequest, pick: Pick, osl: number): UpdatedSla {
  if (sla.e2eLatencyMs !== undefined) {
    const achieved = pick.ttftMs + pick.itlMs * Math.max(0, osl - 1);
    const warnings = achieved > sla.e2eLatencyMs ? [requestUnachievable(sla.e2eLatencyMs, achieved)] : [];
    const limit = Math.max(sla.e2eLatencyMs, achieved);
    return { ttftMs: limit, itlMs: limit, warnings };
  }
  const warnings: string[] = [];
  const kept = (name: "TTFT" | "ITL", targetMs: number, achievedMs: number) => {
    if (achievedMs <= targetMs) return targetMs;
    warnings.push(slaUpdated(name, targetMs, achievedMs));
    return achievedMs;
  };
  return { ttftMs: kept("TTFT", sla.ttftMs, pick.ttftMs), itlMs: kept("ITL", sla.itlMs, pick.itlMs), warnings };
}
