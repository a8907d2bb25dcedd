import type { ScaleStatus } from "#planner/connectors";
import type { Role, SharedDecision, Targets } from "#planner/core";
import { inForceAfter } from "./carry-out.ts";
import type { GlobalAnswer, LegOutcome } from "./types.ts";

export interface Judged {
  /** Name of the deployment that asked, as messages have it. */
  name: string;
  id: string;
  decision: SharedDecision;
  legs: readonly LegOutcome[];
  /** Its replicas before. */
  before: Partial<Targets>;
}

/** What a planner is told of a decision and of what came of it. */
export function answerOf({ name, id, decision, legs, before }: Judged): GlobalAnswer {
  if (decision.verdict === "denied") {
    return { status: "rejected", outcome: "refused", message: decision.message, currentReplicas: before };
  }
  const own = legs.find(({ deployment }) => deployment === id);
  const others = legs.filter((leg) => leg !== own);
  const currentReplicas = inForceAfter(own, before);
  if (own === undefined) {
    const message = `Scaled ${name} successfully: these counts are asked for already`;
    return { status: "success", outcome: "unchanged", message, currentReplicas };
  }
  if (own.status === "applied" || own.status === "unchanged") {
    const said = [changeText(own, before), ...others.map(otherText), budgetText(decision)].filter(Boolean);
    const message = `Scaled ${name} successfully: ${said.join("; ")}`;
    return { status: "success", outcome: own.status, message, currentReplicas };
  }
  const cause = own.status === "aborted" ? legs[0]! : own;
  const message =
    cause === own ? own.message : `not begun, as ${cause.deployment} can't free its GPUs: ${cause.message}`;
  const isPassing = ["not-ready", "pending", "held-back"].includes(cause.status);
  return { status: isPassing ? "rejected" : "error", outcome: outcomeOf(cause, own), message, currentReplicas };
}

function outcomeOf(cause: LegOutcome, own: LegOutcome): ScaleStatus {
  if (own.status === "held-back") return "pending";
  // Another's trouble is none of this deployment's: the wish waits.
  if (cause !== own) return cause.status === "failed" || cause.status === "refused" ? "failed" : "pending";
  return cause.status === "held-back" || cause.status === "aborted" ? "pending" : cause.status;
}

function changeText({ targets }: LegOutcome, before: Partial<Targets>): string {
  return (Object.entries(targets) as [Role, number][])
    .map(([role, count]) => `${role} ${before[role] ?? "?"} → ${count}`)
    .join(", ");
}

function otherText({ deployment, targets, status, message }: LegOutcome): string {
  const what = (Object.entries(targets) as [Role, number][]).map(([role, count]) => `${role} to ${count}`).join(", ");
  return status === "applied"
    ? `along with ${deployment}: ${what}`
    : `${deployment} is ${status} (${what}): ${message}`;
}

function budgetText({ verdict, totals, band }: SharedDecision): string {
  if (verdict === "unlimited") return "";
  const { minGpus, maxGpus } = band;
  return `${totals.after} GPUs asked for, budget ${minGpus ?? "no floor"} to ${maxGpus ?? "no ceiling"}`;
}
