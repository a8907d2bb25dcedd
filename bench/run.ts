/**
 * `npm run bench`: what a rehearsal costs. `--against-dynosim` measures DynoSim 1.6.1 in the same run, the two alternating.
 * With `--live`: what the live mocker can do; with `--planner`: what a planner costs; with `--runner`: many workers of the local runner. Prints a table (docs/performance.md explains it); exit code 1 where a promise is
 * broken or a summary differs.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compareSummaries } from "#src/conformance";
import { ensurePythonVenv, ToolMissing } from "../scripts/test-tools.ts";
import { parseDynosimCase } from "../src/conformance/dynosim/case.ts";
import { checkDynosimCase } from "../src/conformance/dynosim/run.ts";
import { runAnchors, undocumentedAnchors } from "./anchors.ts";
import { runLiveBench } from "./live/run.ts";
import { runPlannerBench } from "./planner/run.ts";
import { runAccuracyBench } from "./predictor-accuracy.ts";
import { runPredictorsBench } from "./predictors.ts";
import {
  type Measurement,
  measureDynosim,
  measureUnderstudy,
  recordDynosim,
  type UnderstudyMeasurement,
  warmUp,
} from "./processes.ts";
import { runProfilingBench } from "./rapid-profiling.ts";
import { brokenPromises, type RowResult, resultTable } from "./results.ts";
import { runRoundTrip } from "./round-trip.ts";
import { type BenchRow, benchRows } from "./rows.ts";
import { runRunnerBench } from "./runner.ts";
import { runScaleBench } from "./scale.ts";

/** What DynoSim's Python package needs for a replay; its own list of dependencies is longer and not all on PyPI. */
const DYNOSIM_PACKAGES = ["ai-dynamo==1.6.1", "ai-dynamo-runtime==1.6.1", "typing_extensions"];

const DEFAULT_REQUESTS = 100_000;
/** Requests on which DynoSim's random choices are followed. */
const FOLLOWED_REQUESTS = 2000;

const { values: flags } = parseArgs({
  options: {
    "against-dynosim": { type: "boolean", default: false },
    only: { type: "string" },
    requests: { type: "string" },
    live: { type: "boolean", default: false },
    profiling: { type: "boolean", default: false },
    predictors: { type: "boolean", default: false },
    accuracy: { type: "boolean", default: false },
    anchors: { type: "boolean", default: false },
    seeds: { type: "string", default: "12" },
    "round-trip": { type: "boolean", default: false },
    planner: { type: "boolean", default: false },
    runner: { type: "boolean", default: false },
    large: { type: "boolean", default: false },
    workers: { type: "string", default: "500" },
    days: { type: "string", default: "30" },
    scale: { type: "string", default: "1" },
    repeat: { type: "string", default: "3" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (flags.help) {
  console.log(`npm run bench -- [options]
  --against-dynosim  measure DynoSim 1.6.1 too (installed from PyPI into a cached environment)
  --only TEXT        rows whose name contains TEXT
  --requests N       requests a row (100000; of --large its rows' own)
  --repeat N         measurements of which the median counts (3)
  --json FILE        write all figures
  --live             the live mocker instead: streams, accuracy, first tokens, many workers, and comparable servers
  --profiling        rapid profiling instead: the whole pipeline with its pictures
  --predictors       the planner's predictors instead: ms per forecast (the plain run ends with them, too)
  --anchors          published results of Dynamo's planner instead, in our simulator (docs/validation.md)
  --accuracy         the ensemble's forecasts instead: errors beside those of the other predictors, by kind of series
  --seeds N          draws of each kind of series (12)
  --round-trip       profile-endpoint against a live mocker instead: does it give the mocker's profile back?
  --planner          the planner instead: a tick, a simulated day, memory over a month of ticks
  --runner           the local runner instead: how long many workers take to come and go, and their memory
  --large            very large rehearsals instead: 1 M requests on 1,024 workers with a planner, 10 M requests
  --workers N        how many of them (500)
  --days N           days of ticks over which memory is watched (30)
  --scale X          length of the live rows; promises are about 1, the default`);
} else {
  process.exitCode = flags.live
    ? await live()
    : flags.profiling
      ? await profiling()
      : flags["round-trip"]
        ? await roundTrip()
        : flags.planner
          ? await planner()
          : flags.runner
            ? await runner()
            : flags.large
              ? await large()
              : flags.predictors
                ? await predictors()
                : flags.anchors
                  ? await anchors()
                  : flags.accuracy
                    ? await accuracy()
                    : await main();
}

async function predictors(): Promise<number> {
  return (await runPredictorsBench({ only: flags.only ?? "", json: flags.json ?? null, progress })) ? 0 : 1;
}

async function anchors(): Promise<number> {
  const rows = await runAnchors({
    only: flags.only ?? "",
    json: flags.json ?? null,
    progress: (text) => console.log(text),
  });
  const undocumented = undocumentedAnchors(rows);
  if (undocumented.length > 0) console.error(`not in docs/validation.md:\n${undocumented.join("\n")}`);
  return undocumented.length === 0 ? 0 : 1;
}

async function accuracy(): Promise<number> {
  const options = { only: flags.only ?? "", seeds: positive("seeds"), json: flags.json ?? null, progress };
  return (await runAccuracyBench(options)) ? 0 : 1;
}

async function roundTrip(): Promise<number> {
  try {
    return (await runRoundTrip(await ensurePythonVenv(["numpy"]), progress)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    console.error(`error: ${error.message}`);
    return 2;
  }
}

async function live(): Promise<number> {
  const scale = Number(flags.scale);
  if (!(scale > 0)) {
    console.error(`error: --scale: found ${flags.scale}, expected a number above 0`);
    return 2;
  }
  const allHold = await runLiveBench({ only: flags.only ?? "", scale, json: flags.json ?? null, progress });
  return allHold ? 0 : 1;
}

async function profiling(): Promise<number> {
  const options = { only: flags.only ?? "", repeat: positive("repeat"), json: flags.json ?? null, progress };
  return (await runProfilingBench(options)) ? 0 : 1;
}

async function planner(): Promise<number> {
  const options = { only: flags.only ?? "", days: positive("days"), json: flags.json ?? null, progress };
  return (await runPlannerBench(options)) ? 0 : 1;
}

async function large(): Promise<number> {
  const requests = flags.requests === undefined ? null : positive("requests");
  return (await runScaleBench({ only: flags.only ?? "", requests, json: flags.json ?? null, progress })) ? 0 : 1;
}

async function runner(): Promise<number> {
  return (await runRunnerBench({ workers: positive("workers"), json: flags.json ?? null, progress })) ? 0 : 1;
}

async function main(): Promise<number> {
  const rows = benchRows(flags.requests === undefined ? DEFAULT_REQUESTS : positive("requests")).filter((row) =>
    row.name.includes(flags.only ?? ""),
  );
  const repeat = positive("repeat");
  const python = flags["against-dynosim"] ? await dynosimPython() : null;
  if (rows[0] !== undefined) await warmUp(python, rows[0]);
  const results: RowResult[] = [];
  for (const row of rows) {
    const ours: UnderstudyMeasurement[] = [];
    const theirs: Measurement[] = [];
    const theirsSummaryOnly: Measurement[] = [];
    for (let i = 0; i < repeat; i++) {
      progress(`${row.name} ${i + 1}/${repeat}`);
      ours.push(await measureUnderstudy(row));
      if (python === null) continue;
      theirs.push(await measureDynosim(python, row, true));
      theirsSummaryOnly.push(await measureDynosim(python, row, false));
    }
    const summary = python === null ? null : await comparison(python, row, ours[0]!, theirs[0]!);
    results.push({ row, ours, theirs, theirsSummaryOnly, summary });
  }
  progress("");
  console.log(resultTable(results).join("\n"));
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, null, 1)}\n`);
  const broken = brokenPromises(results);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  const forecastsHold = await runPredictorsBench({ only: flags.only ?? "", json: null, progress });
  return broken.length > 0 || !forecastsHold ? 1 : 0;
}

/**
 * Summaries, or, where DynoSim's router draws, every request of a shorter run: ours goes where DynoSim's went, each choice must have been one of
 * least cost, and all times must be equal.
 */
async function comparison(python: string, row: BenchRow, ours: Measurement, theirs: Measurement) {
  if (row.router === undefined) return compareSummaries(ours.summary, theirs.summary);
  const args = { ...row.args, request_count: Math.min(row.args.request_count, FOLLOWED_REQUESTS) };
  const recorded = parseDynosimCase(await recordDynosim(python, { ...row, args }), row.name);
  const { largestRelativeError, firstDifference } = checkDynosimCase(recorded);
  return { largestRelativeError, firstDifference, differences: firstDifference === null ? 0 : 1 };
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function dynosimPython(): Promise<string> {
  try {
    return await ensurePythonVenv(DYNOSIM_PACKAGES, { noDependencies: true });
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    console.error(`error: ${error.message}`);
    process.exit(2);
  }
}

function positive(flag: "requests" | "repeat" | "workers" | "days" | "seeds"): number {
  const value = Number(flags[flag]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`error: --${flag}: found ${flags[flag]}, expected a whole number above 0`);
  process.exit(2);
}
