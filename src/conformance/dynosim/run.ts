import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { formatUserError, UserError } from "#common";
import { DYNOSIM_ENGINE_QUIRKS, type EngineQuirks } from "#mocker/engine";
import type { Observation } from "#planner/core";
import type { Workload } from "#scenarios";
import { type SimulationResult, type SimulationSpec, simulate } from "#src/simulator";
import { type DynosimCase, isDynosimCase, parseDynosimCase } from "./case.ts";
import { type Comparison, compareRecords, compareSummaries, joinComparisons } from "./compare.ts";
import { noDynosimCases } from "./errors.ts";
import { compareTicks, dynosimPlanner } from "./planner.ts";
import { dynosimDeployment } from "./pools.ts";
import { dynosimRecords } from "./records.ts";
import { RecordedRouting } from "./routing.ts";
import { dynosimSummary } from "./summary.ts";
import { whyNotYet } from "./support.ts";
import { dynosimWorkload } from "./workload.ts";

/** How one recorded run compares with ours. */
export interface DynosimRow {
  /** Path of the case file below the folder. */
  case: string;
  requests: number;
  passed: boolean;
  /** Why the case was not compared, or null. A skipped case has not passed. */
  skipped: string | null;
  /** Over all times, rates and ratios; NaN where nothing was compared. */
  largestRelativeError: number;
  /** In words, or null. */
  firstDifference: string | null;
}

export interface DynosimConformanceOptions {
  engine?: SimulationSpec["engine"];
  /** Only cases whose path contains this. */
  only?: string;
  /** Called after each case. */
  onRow?: (row: DynosimRow) => void;
}

/** Quirks for a replay; all of DynoSim's by default. */
export interface ReplayQuirks {
  engine?: EngineQuirks;
  passesBeforeArrivals?: boolean;
}

/** A replay of a recorded run by our simulator. */
export interface DynosimReplay {
  workload: Workload;
  result: SimulationResult;
  /** What a planner in the loop saw. */
  seen: Observation[];
  /** Of a run with the KV router: its choices, as recorded. */
  routing: RecordedRouting | null;
}

/**
 * Replays what a case recorded, admissions and transfers captured.
 * @param attempt at telling recorded requests apart that look the same, 0 the first
 * @throws UserError for missing or malformed files */
export function replayDynosimCase(
  run: DynosimCase,
  engine: SimulationSpec["engine"] = "skipping",
  quirks: ReplayQuirks = {},
  attempt = 0,
): DynosimReplay {
  const workload = dynosimWorkload(run);
  const routing = run.arguments.router_mode === "kv_router" ? new RecordedRouting(run, workload, attempt) : null;
  const deployment = dynosimDeployment(run, quirks.engine ?? DYNOSIM_ENGINE_QUIRKS);
  const loop = dynosimPlanner(run, deployment);
  const { sla_ttft_ms: ttftMs, sla_itl_ms: itlMs } = run.arguments;
  const result = simulate({
    name: run.name,
    seed: 0,
    workload,
    ...deployment,
    ...(routing === null ? { router: "round-robin" } : { router: routing.settings, newRouter: routing.newRouter }),
    sla: { ttftMs: ttftMs ?? Infinity, itlMs: itlMs ?? Infinity },
    quirks: {
      passesBeforeArrivals: quirks.passesBeforeArrivals ?? true,
      highestIdsDrain: true,
      ticksAfterArrivals: true,
      ranksAreRouted: true,
    },
    engine,
    capture: true,
    ...(loop === null ? {} : { planner: loop.planner }),
  });
  return { workload, result, seen: loop?.seen ?? [], routing };
}

/** The summary of a replay with the goodput fields that the case's own SLA arguments ask for. */
export function replaySummary(run: DynosimCase, result: SimulationResult): Record<string, number> {
  const { sla_ttft_ms: ttftMs, sla_itl_ms: itlMs, sla_e2e_ms: e2eMs } = run.arguments;
  const sla = {
    ...(typeof ttftMs === "number" ? { ttftMs } : {}),
    ...(typeof itlMs === "number" ? { itlMs } : {}),
    ...(typeof e2eMs === "number" ? { e2eMs } : {}),
  };
  return dynosimSummary(result, Object.keys(sla).length > 0 ? { sla } : {});
}

/** Replays one case and compares every request and the summary. Errors become a row that has not passed. */
export function checkDynosimCase(
  run: DynosimCase,
  label = run.name,
  engine: SimulationSpec["engine"] = "skipping",
): DynosimRow {
  const row = { case: label, requests: run.records.length, passed: false, skipped: null, firstDifference: null };
  const skipped = whyNotYet(run);
  if (skipped !== null) return { ...row, skipped, largestRelativeError: Number.NaN };
  try {
    const { largestRelativeError, firstDifference } = compareReplay(run, engine);
    return { ...row, passed: firstDifference === null, largestRelativeError, firstDifference };
  } catch (error) {
    return { ...row, largestRelativeError: Number.NaN, firstDifference: problem(error) };
  }
}

/** Attempts at telling requests apart of which the reference says too little; the first that leaves no difference counts, else the first. */
const MOST_ATTEMPTS = 64;
/** Longer runs are replayed once. */
const MOST_GUESSED_REQUESTS = 1000;

function compareReplay(run: DynosimCase, engine: SimulationSpec["engine"]): Comparison {
  let first: Comparison | null = null;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const { workload, result, seen, routing } = replayDynosimCase(run, engine, {}, attempt);
    const comparison = joinComparisons(
      ...(routing === null ? [] : [routing.comparison]),
      compareRecords(dynosimRecords(result, workload), run.records),
      compareSummaries(replaySummary(run, result), run.summary),
      ...(run.ticks === null ? [] : [compareTicks(run.ticks, seen, result.decisions)]),
    );
    if (comparison.firstDifference === null) return comparison;
    first ??= comparison;
    if (routing?.isAmbiguous !== true || run.records.length > MOST_GUESSED_REQUESTS) break;
  }
  return first!;
}

/**
 * Checks every recorded DynoSim run in a folder and its subfolders, in order of their paths. A JSON file is a case by its
 * content; other files are left alone.
 * @throws UserError CONFORMANCE_NO_CASES
 */
export function runDynosimConformance(folder: string, options: DynosimConformanceOptions = {}): DynosimRow[] {
  const rows: DynosimRow[] = [];
  let cases = 0;
  for (const file of jsonFiles(folder)) {
    const value = parseJson(file);
    if (!isDynosimCase(value)) continue;
    cases++;
    const label = relative(folder, file) || file;
    if (options.only !== undefined && !label.includes(options.only)) continue;
    const row = checkFile(value, file, label, options.engine);
    rows.push(row);
    options.onRow?.(row);
  }
  if (cases === 0) throw noDynosimCases(folder);
  return rows;
}

function checkFile(value: unknown, file: string, label: string, engine?: SimulationSpec["engine"]): DynosimRow {
  try {
    return checkDynosimCase(parseDynosimCase(value, file), label, engine);
  } catch (error) {
    return {
      case: label,
      requests: 0,
      passed: false,
      skipped: null,
      largestRelativeError: Number.NaN,
      firstDifference: problem(error),
    };
  }
}

function problem(error: unknown): string {
  if (error instanceof UserError) return formatUserError(error);
  return `the replay failed: ${error instanceof Error ? error.message : String(error)}`;
}

/** Paths of all .json files below, sorted; a single file is itself. */
function jsonFiles(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })) throw noDynosimCases(path);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => join(path, name));
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
