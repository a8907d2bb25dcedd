import { type Decision, isTouchedByPlugin } from "#planner/core";
import type { DecisionChange, DecisionTimeline } from "./decision-changes.ts";

/** Ticks in a row that changed nothing; `limited`: because a limit or a plugin had a hand in each of them, in the same way. */
export interface TickGroup {
  kind: "quiet" | "limited";
  ticks: Decision[];
}

export type TimelineEntry = { kind: "change"; change: DecisionChange } | TickGroup;

/** Whether a limit or a plugin made something else of what was wanted, or a plugin failed to. */
export function isLimited(decision: Decision): boolean {
  return decision.clamps.length > 0 || isTouchedByPlugin(decision);
}

/** All ticks in their order, those that changed nothing in groups. */
export function timelineEntries({ changes, quietAfter }: DecisionTimeline): TimelineEntry[] {
  return [
    ...changes.flatMap((change): TimelineEntry[] => [...groupsOf(change.quietBefore), { kind: "change", change }]),
    ...groupsOf(quietAfter),
  ];
}

function groupsOf(ticks: readonly Decision[]): TickGroup[] {
  const groups: TickGroup[] = [];
  let last = "";
  for (const tick of ticks) {
    const kind = isLimited(tick) ? "limited" : "quiet";
    const likeness = kind === "quiet" ? kind : limitsOf(tick);
    if (likeness === last) groups.at(-1)!.ticks.push(tick);
    else groups.push({ kind, ticks: [tick] });
    last = likeness;
  }
  return groups;
}

/** By which limits and plugins; the numbers may differ from tick to tick. */
function limitsOf({ clamps, reasons }: Decision): string {
  return JSON.stringify([
    clamps.map(({ name, role }) => [name, role]),
    reasons.filter((reason) => isTouchedByPlugin({ reasons: [reason] })).map(({ code, role }) => [code, role]),
  ]);
}
