import { styleText } from "node:util";
import { Command, Option } from "commander";
import { UserError } from "#common";
import { loadProphet } from "#planner/sources";
import { runDynosimConformance, runPlannerConformance } from "#src/conformance";
import { estimatorConformanceCommand } from "./conformance/estimator.ts";

/** What a runner says of one case; runners may add fields, which `--json` shows. */
interface ConformanceRow {
  case: string;
  passed: boolean;
  skipped: string | null;
  /** NaN where nothing was compared. */
  largestRelativeError: number;
  firstDifference: string | null;
}

type Engine = "stepping" | "skipping";

interface Flags {
  only?: string;
  json?: true;
}

interface DynosimFlags extends Flags {
  engine: Engine | "both";
}

/** `understudy conformance`: recorded runs of the reference implementations against ours. */
export function conformanceCommand(): Command {
  return new Command("conformance")
    .description("compare with recorded runs of the reference implementations, case by case")
    .addCommand(dynosimCommand())
    .addCommand(plannerCommand())
    .addCommand(estimatorConformanceCommand());
}

function dynosimCommand(): Command {
  return new Command("dynosim")
    .description("replay recorded DynoSim runs: every request's times and counts, and the summary")
    .argument("<dir>", "folder of case files; subfolders are searched too")
    .addOption(
      new Option("--engine <engine>", "which engine replays")
        .choices(["stepping", "skipping", "both"])
        .default("skipping"),
    )
    .option("--only <text>", "only cases whose path contains this")
    .option("--json", "print one JSON document instead of lines")
    .addHelpText(
      "after",
      `
A case passes when counts are equal and times, rates and ratios agree to 1e-6 (relative). Exit code 1 when one fails.

Examples:
  $ understudy conformance dynosim runs/
  $ understudy conformance dynosim runs/ --engine both --only preempt --json`,
    )
    .action((dir: string, flags: DynosimFlags) => {
      const engines: Engine[] = flags.engine === "both" ? ["stepping", "skipping"] : [flags.engine];
      report("dynosim", dir, flags, (onRow) => {
        for (const engine of engines) {
          const label = (row: ConformanceRow) =>
            engines.length > 1 ? { ...row, case: `${row.case} (${engine})` } : row;
          runDynosimConformance(dir, {
            engine,
            ...(flags.only === undefined ? {} : { only: flags.only }),
            onRow: (row) => onRow(label(row)),
          });
        }
      });
    });
}

function plannerCommand(): Command {
  return new Command("planner")
    .description("recorded surfaces, decisions and forecasts of the reference SLA planner against ours")
    .argument("<dir>", "folder of case files; subfolders are searched too")
    .option("--only <text>", "only cases whose path or name contains this")
    .option("--json", "print one JSON document instead of lines")
    .addHelpText(
      "after",
      `
What a file holds is told by its content. Profiles that cases name lie in a folder profiles/ beside them or above.
Exit code 1 when a case fails.

Examples:
  $ understudy conformance planner recorded/planner
  $ understudy conformance planner recorded/planner --only replica --json`,
    )
    .action(async (dir: string, flags: Flags) => {
      const tools = { prophet: await loadProphet() };
      report("planner", dir, flags, (onRow) => {
        const wanted = (row: ConformanceRow) => flags.only === undefined || row.case.includes(flags.only);
        runPlannerConformance(dir, (row) => wanted(row) && onRow(row), tools);
      });
    });
}

/** Prints rows as they come (or one document at the end) and sets the exit code. @throws UserError where no case matched */
function report(kind: string, dir: string, flags: Flags, run: (onRow: (row: ConformanceRow) => void) => void): void {
  const rows: ConformanceRow[] = [];
  run((row) => {
    rows.push(row);
    if (!flags.json) process.stdout.write(`${rowLine(row)}\n`);
  });
  if (rows.length === 0) throw nothingMatches(dir, flags.only);
  const skipped = rows.filter((row) => row.skipped !== null).length;
  const passed = rows.filter((row) => row.passed).length;
  const failed = rows.length - passed - skipped;
  if (flags.json) process.stdout.write(`${JSON.stringify({ kind, dir, passed, failed, skipped, rows }, null, 2)}\n`);
  else process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  if (failed > 0) process.exitCode = 1;
}

function rowLine(row: ConformanceRow): string {
  if (row.skipped !== null) return `${styleText("dim", "skip")}  ${row.case}: ${row.skipped}`;
  const error = Number.isNaN(row.largestRelativeError)
    ? ""
    : `  largest error ${row.largestRelativeError.toExponential(1)}`;
  if (row.passed) return `${styleText("green", "pass")}  ${row.case}${error}`;
  return `${styleText("red", "FAIL")}  ${row.case}${error}\n      ${row.firstDifference ?? "no reason given"}`;
}

function nothingMatches(dir: string, only: string | undefined): UserError {
  return new UserError({
    code: "CLI_CONFORMANCE_NOTHING",
    where: only === undefined ? dir : "--only",
    message: only === undefined ? "found no case" : `no case in ${dir} has ${JSON.stringify(only)} in its path`,
  });
}
