import { formatClock, plural } from "../format.ts";
import type { PlannerPageInput, PlannerTick } from "./input.ts";

/** A page's ticks on a clock of their own, and where on the planner's clock that begins. */
export interface Span {
  input: PlannerPageInput;
  /** Since the planner's start, ms. */
  beginMs: number;
}

/**
 * Of a planner that has run for longer than its page shows, time counts from the window of the first tick that is shown: else the last hours
 * of a week would be a hair's breadth of its axis.
 */
export function spanOf(input: PlannerPageInput): Span {
  const first = input.ticks[0];
  const beginMs =
    first === undefined || first.tick <= 1 ? 0 : Math.max(0, first.atMs - (first.observed?.windowMs ?? 0));
  if (beginMs === 0) return { input, beginMs };
  return { input: { ...input, ticks: input.ticks.map((tick) => ({ ...tick, atMs: tick.atMs - beginMs })) }, beginMs };
}

/** When that was, for whoever holds it against something else. */
export function spanText({ input: { ticks }, beginMs }: Span): string {
  const first = ticks[0]!;
  const last = ticks.at(-1)!;
  const at = ({ atMs, atUnixMs }: PlannerTick) => `${formatClock(atMs)} (${utcOf(atUnixMs)})`;
  const from = beginMs === 0 ? "the planner's start" : `${formatClock(beginMs)} after the planner's start`;
  const earlier =
    first.tick <= 1
      ? ""
      : ` ${plural(first.tick - 1, "tick")} before these ${first.tick === 2 ? "is" : "are"} in the logs.`;
  return `Time counts from ${from}: from ${at(first)} to ${at(last)}.${earlier}`;
}

/** `2026-11-30 06:48:36 UTC` */
export function utcOf(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
