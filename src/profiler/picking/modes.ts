import { amongOthers, byRate, matchedUnit, type UnitOptions } from "./rate-matching.ts";
import { constraintOf, meetsTokenTarget, type PlanRow, type RankedRow, type Targets, type WorkerRow } from "./rows.ts";

/** Best rows that a pick keeps. */
export const KEPT_ROWS = 5;

/** Rows in order, and whether they meet the targets or only come closest. */
export interface Ranking {
  rows: RankedRow[];
  meets: boolean;
}

/**
 * Most throughput of a budget under the targets: each layout's best row, by output tokens per second per GPU of the whole budget
 * (GPUs that no further unit fits on count as idle). Where nothing meets the targets, what comes closest.
 */
export function rankByThroughput(rows: readonly PlanRow[], budget: number, targets: Targets): Ranking {
  const fits = onBudget(rows, budget);
  const meeting = fits.filter((row) => meetsTokenTarget(row, targets));
  if (meeting.length === 0) return closest(fits, targets);
  return { rows: bestOfGroups(meeting, byThroughput).slice(0, KEPT_ROWS), meets: true };
}

/** Without targets: most throughput, or least time between tokens. */
export function rankByObjective(
  rows: readonly PlanRow[],
  budget: number,
  objective: "throughput" | "latency",
): Ranking {
  const fits = onBudget(rows, budget);
  const order =
    objective === "throughput"
      ? byThroughput
      : (a: RankedRow, b: RankedRow) =>
          a.tpotMs - b.tpotMs || b.clusterTokensPerSecondPerGpu - a.clusterTokensPerSecondPerGpu;
  return { rows: bestOfGroups(fits, order).slice(0, KEPT_ROWS), meets: true };
}

export interface Load {
  requestRate?: number;
  concurrency?: number;
}

/**
 * Fewest GPUs that serve a load under the targets; where none of the rows serves it within `budget` GPUs, most of it, with the
 * share that is served. Where nothing meets the targets, what comes closest.
 */
export function rankByLoad(
  rows: readonly PlanRow[],
  load: Load,
  budget: number | undefined,
  targets: Targets,
): Ranking {
  const loaded = rows.map((row) => forLoad(row, load));
  const meeting = loaded.filter((row) => meetsTokenTarget(row, targets));
  if (meeting.length === 0) {
    const { rows: nearest } = closest(loaded, targets);
    return { rows: nearest.map((row) => cappedAt(row, budget)), meets: false };
  }
  const serving = meeting.filter((row) => row.replicas * row.gpus <= (budget ?? Number.POSITIVE_INFINITY));
  if (serving.length > 0) {
    const order = (a: RankedRow, b: RankedRow) =>
      a.replicas * a.gpus - b.replicas * b.gpus || b.tokensPerSecondPerGpu - a.tokensPerSecondPerGpu;
    return { rows: bestOfGroups(serving, order).slice(0, KEPT_ROWS), meets: true };
  }
  const deployable = meeting.filter((row) => row.gpus <= budget!);
  const capped = (deployable.length > 0 ? deployable : meeting).map((row) => cappedAt(row, budget));
  return { rows: bestOfGroups(capped, byThroughput).slice(0, KEPT_ROWS), meets: true };
}

function forLoad(row: PlanRow, { requestRate, concurrency }: Load): RankedRow {
  const wanted = requestRate === undefined ? concurrency! / row.concurrency : requestRate / row.requestsPerSecond;
  return {
    ...row,
    replicas: Math.max(1, Math.ceil(wanted)),
    clusterTokensPerSecondPerGpu: row.tokensPerSecondPerGpu,
  };
}

function cappedAt(row: RankedRow, budget: number | undefined): RankedRow {
  if (budget === undefined || row.replicas * row.gpus <= budget) return row;
  const replicas = Math.max(1, Math.floor(budget / row.gpus));
  return {
    ...row,
    replicas,
    loadServedPercent: Math.round((1000 * replicas) / row.replicas) / 10,
    clusterTokensPerSecondPerGpu: (row.tokensPerSecondPerGpu * replicas * row.gpus) / budget,
  };
}

/**
 * One prefill and one decode engine, each the best of its kind, for a planner that scales both: no ratio is matched. The
 * throughput is that of the slower one. Pairs beyond the budget are left out, unless there are no others.
 */
export function rankForAutoscaling(
  prefill: readonly WorkerRow[],
  decode: readonly WorkerRow[],
  targets: Targets,
  options: UnitOptions,
): Ranking {
  const budget = options.budget ?? Number.POSITIVE_INFINITY;
  const prompts = enginesUnder(withRoomFor(decode, amongOthers(prefill), budget), targets.ttftMs);
  const tokens = enginesUnder(withRoomFor(prefill, decode, budget), targets.tpotMs);
  const pairs = prompts.rows.flatMap((p) => tokens.rows.map((d) => matchedUnit(p, 1, d, 1, options)));
  const fitting = pairs.filter(({ gpus }) => gpus <= budget);
  const units = (fitting.length > 0 ? fitting : pairs)
    .sort((a, b) => b.tokensPerSecondPerGpu - a.tokensPerSecondPerGpu)
    .slice(0, KEPT_ROWS);
  return {
    rows: units.map((row) => ({ ...row, replicas: 1, clusterTokensPerSecondPerGpu: row.tokensPerSecondPerGpu })),
    meets: prompts.meets && tokens.meets,
  };
}

/** Rows that leave room for the smallest of the others; all, where none does. */
function withRoomFor(others: readonly WorkerRow[], rows: readonly WorkerRow[], budget: number): readonly WorkerRow[] {
  const least = Math.min(...others.map(({ gpus }) => gpus));
  const fitting = rows.filter(({ gpus }) => gpus + least <= budget);
  return fitting.length > 0 ? fitting : rows;
}

/** Best engine of each layout: by rate where some are faster than the limit, else by time. */
function enginesUnder(rows: readonly WorkerRow[], limitMs: number): { rows: WorkerRow[]; meets: boolean } {
  const under = rows.filter((row) => row.latencyMs < limitMs);
  const meets = under.length > 0;
  const ordered = meets ? under.sort(byRate) : [...rows].sort((a, b) => a.latencyMs - b.latencyMs || byRate(a, b));
  return { rows: firstOfEach(ordered, (row) => row.parallelism).slice(0, KEPT_ROWS), meets };
}

/** As many units as a budget has room for; those that are larger than it are left out. */
export function onBudget(rows: readonly PlanRow[], budget: number): RankedRow[] {
  return rows
    .filter((row) => row.gpus <= budget)
    .map((row) => {
      const replicas = Math.floor(budget / row.gpus);
      const share = (replicas * row.gpus) / budget;
      return { ...row, replicas, clusterTokensPerSecondPerGpu: row.tokensPerSecondPerGpu * share };
    });
}

function byThroughput(a: RankedRow, b: RankedRow): number {
  return (
    b.clusterTokensPerSecondPerGpu - a.clusterTokensPerSecondPerGpu ||
    b.tokensPerSecondPerUser - a.tokensPerSecondPerUser
  );
}

function closest(rows: readonly RankedRow[], targets: Targets): Ranking {
  const order = (a: RankedRow, b: RankedRow) =>
    constraintOf(a, targets) - constraintOf(b, targets) || byThroughput(a, b);
  return { rows: bestOfGroups(rows, order).slice(0, KEPT_ROWS), meets: false };
}

function bestOfGroups(rows: readonly RankedRow[], order: (a: RankedRow, b: RankedRow) => number): RankedRow[] {
  return firstOfEach([...rows].sort(order), (row) => row.group);
}

function firstOfEach<T>(rows: readonly T[], key: (row: T) => string): T[] {
  const seen = new Set<string>();
  return rows.filter((row) => {
    const name = key(row);
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}
