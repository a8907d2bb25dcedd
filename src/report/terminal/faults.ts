import { formatClock } from "../format.ts";
import { faultEffects, recoveryGrade, recoveryText, untilText } from "../summary/fault-words.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { grid } from "./grid.ts";
import { ink, type TerminalOptions } from "./ink.ts";

/** Longer lists are cut; report.json has them all. */
const MOST_LINES = 20;

/** A line for each thing that went wrong on purpose, and what came of it; empty where nothing did. */
export function faultLines(summary: RunSummary, options: TerminalOptions): string[] {
  if (summary.faults.length === 0) return [];
  const rows = summary.faults
    .slice(0, MOST_LINES)
    .map((fault) => [
      { text: formatClock(fault.atMs), style: "dim" as const },
      { text: untilText(fault), style: "dim" as const },
      { text: fault.text },
      { text: faultEffects(fault).join(", ") },
      { text: recoveryText(fault), style: recoveryGrade(fault) },
    ]);
  const lines = grid(
    [{ align: "right" }, { align: "left" }, { align: "left", flexible: true }, { align: "left" }, { align: "left" }],
    rows,
    options,
    "  ",
  );
  const rest = summary.faults.length - MOST_LINES;
  if (rest > 0) lines.push(ink(`  … and ${rest} more in report.json`, "dim", options));
  return [ink("Faults", "heading", options), ...lines];
}
