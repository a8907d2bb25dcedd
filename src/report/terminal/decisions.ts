import type { Role } from "#planner/core";
import type { RunFacts } from "#src/record";
import { formatClock, formatFixed, plural } from "../format.ts";
import { changeText, type DecisionChange, decisionTimeline, rolesOf } from "../summary/decision-changes.ts";
import { type Cell, type Column, grid } from "./grid.ts";
import { ink, type TerminalOptions } from "./ink.ts";

export interface DecisionListOptions {
  /** Longer lists keep their beginning and their end. Default 48. */
  maxLines?: number;
}

/** A line per decision that changed something; the ticks in between only as a count. Empty without a planner. */
export function decisionLines(
  record: RunFacts,
  options: TerminalOptions,
  { maxLines = 48 }: DecisionListOptions = {},
): string[] {
  if (record.decisions.length === 0) return [];
  const timeline = decisionTimeline(record);
  const strategy = record.decisions[0]!.strategy;
  const quiet = timeline.ticks - timeline.changes.length;
  const title = `Planner ${strategy}: ${plural(timeline.changes.length, "change")} in ${plural(timeline.ticks, "tick")}`;
  const head = `${ink(title, "heading", options)}${ink(` (${quiet} left all as it was)`, "dim", options)}`;
  if (timeline.changes.length === 0) return [head];

  const roles = rolesOf(record.mode);
  const columns: Column[] = [
    { align: "right" },
    { align: "right" },
    ...roles.map((): Column => ({ align: "left" })),
    { align: "right" },
    { align: "left", flexible: true },
  ];
  const name = (role: Role) => (record.mode === "agg" ? "workers" : role);
  const heading: Cell[] = ["time", "req/s → forecast", ...roles.map(name), "quiet", "why"].map((text) => ({
    text,
    style: "dim",
  }));
  const rows = timeline.changes.map((change) => line(change, roles));
  const lines = grid(columns, [heading, ...rows], options, "  ");
  return [head, ...shorten(lines, maxLines, options)];
}

function line(change: DecisionChange, roles: Role[]): Cell[] {
  const { decision, quietBefore } = change;
  const observed = decision.observedRate === null ? "–" : formatFixed(decision.observedRate, 1);
  const forecast = decision.forecast === null ? "–" : formatFixed(decision.forecast.requestRate, 1);
  const clamps = decision.clamps.map((clamp) => `${clamp.name} ${clamp.from} → ${clamp.to}`);
  return [
    { text: formatClock(decision.atMs) },
    { text: `${observed.padStart(6)} → ${forecast.padStart(6)}` },
    ...roles.map((role): Cell => {
      const moved = change.changes.find((candidate) => candidate.role === role);
      if (moved !== undefined) return { text: `${moved.from} → ${moved.to}`, style: role };
      return { text: String(decision.workers[role].active + decision.workers[role].starting), style: "dim" };
    }),
    { text: quietBefore.length === 0 ? "" : `+${quietBefore.length}`, style: "dim" },
    {
      text: [changeText(change), ...clamps.map((clamp) => `limited: ${clamp}`)]
        .filter((part) => part !== "")
        .join("; "),
    },
  ];
}

function shorten(lines: string[], maxLines: number, options: TerminalOptions): string[] {
  if (lines.length <= maxLines) return lines;
  const head = Math.ceil(maxLines / 2);
  const tail = maxLines - head;
  const left = lines.length - head - tail;
  const gap = ink(`  … ${plural(left, "more change")}; the report has them all`, "dim", options);
  return [...lines.slice(0, head), gap, ...lines.slice(lines.length - tail)];
}
