import { tmpdir } from "node:os";
import { resolve } from "node:path";
import type { Command } from "commander";
import { Option } from "commander";
import { formatDuration } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario, readScenario } from "#scenarios";
import type { BestStatic, ReportedRun } from "#src/record";
import {
  bestStaticOf,
  cacheBestStatic,
  cachedBestStatic,
  judge,
  prepareRehearsal,
  type Rehearsal,
  type RehearsalSteps,
  type RunnableScenario,
  type RunOptions,
  startAboveBudget,
  staticCacheKey,
} from "#src/rehearsal";
import { formatRun, type RunSummary, reportJson, terminalOptions, type WrittenReport, writeReports } from "#src/report";
import { INVARIANTS } from "#src/simulator";
import { EXIT_INTERRUPTED } from "./errors.ts";
import { predictorOf, predictorTools } from "./predictors.ts";
import { progress, virtualTime } from "./progress.ts";
import { rowsInMemoryOption } from "./rows-flag.ts";
import { RowsOnDisk } from "./rows-on-disk.ts";
import { packageVersion } from "./version.ts";

/** Flags that every command has which rehearses something. */
export interface RehearseFlags {
  outputDir?: string;
  report: boolean;
  json?: true;
  quiet?: true;
  bestStatic?: true;
  check?: true;
  engine: "skipping" | "stepping";
  seed?: number;
  rowsInMemory: number;
}

export function withRehearseFlags(command: Command): Command {
  return command
    .option("-o, --output-dir <dir>", "where the reports go (default: understudy-results/<name>)")
    .option("--no-report", "write no files")
    .option("--json", "print report.json instead of text")
    .option("--quiet", "print nothing but errors")
    .option("--check", "hold the run against the invariants of a simulation (docs/invariants.md)")
    .option("--best-static", "search the best deployments that would not have scaled (runs the traffic many times)")
    .addOption(rowsInMemoryOption())
    .addOption(
      new Option("--engine <engine>", "skipping is fast, stepping its readable twin; results agree")
        .choices(["skipping", "stepping"])
        .default("skipping"),
    );
}

export function loadScenario(file: string, seed?: number): RunnableScenario {
  const scenario = readScenario(file, { plannerSchema: plannerConfigSchema });
  return seed === undefined ? scenario : { ...scenario, seed };
}

/** A scenario made of flags; `name` stands in messages where a file's name would. */
export function scenarioOf(document: object, name: string): RunnableScenario {
  return parseScenario(JSON.stringify(document), name, { plannerSchema: plannerConfigSchema });
}

/** What of the flags bears on the run itself. */
export type PlayFlags = Pick<RehearseFlags, "engine" | "bestStatic" | "check">;

/** A run, and what run.json says of how it came about. */
interface Played {
  record: ReportedRun;
  startedAt: Date;
  runSeconds: number;
  metadata: Record<string, unknown>;
}

/** Runs a scenario, prints and writes what came of it. Returns the exit code: 1 where an expectation did not hold, 130 after Ctrl-C. */
export async function rehearse(scenario: RunnableScenario, flags: RehearseFlags): Promise<number> {
  const interrupted = new AbortController();
  const rows = rowsOf(scenario, flags);
  try {
    return await rehearseWith(rows, scenario, flags, interrupted);
  } finally {
    rows.close();
  }
}

/** Where the rows of a run are that memory is not to hold: beside its reports. */
export function rowsOf(
  scenario: RunnableScenario,
  flags: Pick<RehearseFlags, "rowsInMemory" | "report" | "outputDir">,
): RowsOnDisk {
  return new RowsOnDisk(flags.rowsInMemory, flags.report ? outputFolder(scenario, flags) : tmpdir());
}

async function rehearseWith(
  rows: RowsOnDisk,
  scenario: RunnableScenario,
  flags: RehearseFlags,
  interrupted: AbortController,
): Promise<number> {
  const bar = progress();
  const { record, ...when } = await playDriven(scenario, flags, bar.update, interrupted, rows).finally(() =>
    bar.done(),
  );
  if (flags.check && !flags.quiet) {
    process.stderr.write(`all ${Object.keys(INVARIANTS).length} invariants held (docs/invariants.md)\n`);
  }
  const held = presentRun(scenario, record, flags, when);
  if (!interrupted.signal.aborted) return held ? 0 : 1;
  process.stderr.write(
    `interrupted after ${formatDuration(record.endMs)} of the run: this is what came of it until then\n`,
  );
  return EXIT_INTERRUPTED;
}

/** Says what of a run's start looks like a mistake. */
export function warnOfStart(rehearsal: Rehearsal, { quiet }: Pick<RehearseFlags, "quiet">): void {
  const text = startAboveBudget(rehearsal);
  if (text !== null && !quiet) process.stderr.write(`warning: ${text}\n`);
}

/** Runs a scenario; `rows` is its owner's to close. */
export async function play(scenario: RunnableScenario, flags: PlayFlags, rows: RowsOnDisk): Promise<Played> {
  const nothing = () => {};
  const prepared = await prepare(scenario, flags, nothing);
  return played(prepared, rows.run(prepared.rehearsal, prepared.options), flags, nothing);
}

/** The same, to its end or to a signal. */
async function playDriven(
  scenario: RunnableScenario,
  flags: RehearseFlags,
  update: (text: string) => void,
  interrupted: AbortController,
  rows: RowsOnDisk,
): Promise<Played> {
  const prepared = await prepare(scenario, flags, update);
  warnOfStart(prepared.rehearsal, flags);
  const record = await runUntil(rows.start(prepared.rehearsal, prepared.options), interrupted);
  return played(prepared, record, flags, update, interrupted.signal.aborted);
}

async function prepare(scenario: RunnableScenario, flags: PlayFlags, update: (text: string) => void) {
  const startedAt = new Date();
  const started = performance.now();
  const rehearsal = prepareRehearsal(scenario, await predictorTools([predictorOf(scenario.planner)]));
  const horizonMs = rehearsal.workload.horizonMs;
  const options: RunOptions = {
    engine: flags.engine,
    ...(flags.check ? { check: true } : {}),
    onProgress: (nowMs, done) => update(virtualTime(nowMs, horizonMs, done)),
  };
  return { startedAt, started, rehearsal, options };
}

function played(
  { startedAt, started, rehearsal }: Awaited<ReturnType<typeof prepare>>,
  record: ReportedRun,
  flags: PlayFlags,
  update: (text: string) => void,
  isCut = false,
): Played {
  const runSeconds = (performance.now() - started) / 1000;
  const best = isCut ? null : staticComparison(rehearsal, flags, update);
  return {
    record: best === null ? record : { ...record, bestStatic: best },
    startedAt,
    runSeconds,
    metadata: {
      engine: flags.engine,
      ...(flags.check ? { invariantsChecked: true } : {}),
      ...(isCut ? { interrupted: true } : {}),
    },
  };
}

/** Looks up from the computation this often, ms: a signal is answered then. */
const LOOK_UP_MS = 50;

/** Drives a run to its end, or to a first SIGINT or SIGTERM; a second one ends the process. */
async function runUntil(steps: RehearsalSteps<ReportedRun>, interrupted: AbortController): Promise<ReportedRun> {
  const interrupt = () => interrupted.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  try {
    let lookedMs = performance.now();
    while (!interrupted.signal.aborted && steps.advance()) {
      if (performance.now() - lookedMs < LOOK_UP_MS) continue;
      await new Promise((resolve) => setImmediate(resolve));
      lookedMs = performance.now();
    }
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
  }
  return steps.result();
}

export interface Presentation {
  startedAt: Date;
  runSeconds: number;
  /** More for run.json. */
  metadata: Record<string, unknown>;
  /** What goes to stdout in place of report.json or the run's text. */
  json?: (report: string) => string;
  text?: (run: string) => string;
}

/** Judges a run, prints and writes what came of it. Returns whether all expectations held. */
export function presentRun(
  scenario: RunnableScenario,
  record: ReportedRun,
  flags: Pick<RehearseFlags, "json" | "quiet" | "report" | "outputDir">,
  { startedAt, runSeconds, metadata, json, text }: Presentation,
): boolean {
  const { record: judged, summary } = judge(scenario, record);
  if (flags.json) {
    const report = reportJson(judged, summary);
    process.stdout.write(json === undefined ? report : json(report));
  } else if (!flags.quiet) {
    const run = formatRun(judged, summary, terminalOptions(process.stdout));
    process.stdout.write(text === undefined ? run : text(run));
  }
  if (flags.report) {
    const dir = outputFolder(scenario, flags);
    const files = writeRunReports(scenario, judged, dir, summary, { startedAt, runSeconds, metadata });
    if (!flags.quiet) {
      const html = files.find((file) => file.kind === "html")?.path;
      process.stderr.write(`\nRan in ${runSeconds.toFixed(2)} s. Reports in ${dir}${html ? `; open ${html}` : ""}\n`);
    }
  }
  return judged.expectations?.every((expectation) => expectation.passed) ?? true;
}

function outputFolder(scenario: RunnableScenario, { outputDir }: Pick<RehearseFlags, "outputDir">): string {
  return outputDir ?? resolve("understudy-results", scenario.name);
}

/** All report files of a judged run. */
export function writeRunReports(
  scenario: RunnableScenario,
  judged: ReportedRun,
  dir: string,
  summary: RunSummary,
  { startedAt, runSeconds, metadata }: Omit<Played, "record">,
): WrittenReport[] {
  return writeReports(judged, dir, {
    summary,
    metadata: {
      startedAt: startedAt.toISOString(),
      runSeconds,
      version: packageVersion(),
      node: process.version,
      scenario: scenario.file,
      ...metadata,
    },
  });
}

/** What static deployments would have reached: from an earlier search of the same traffic, or searched now if wanted. */
function staticComparison(rehearsal: Rehearsal, flags: PlayFlags, update: (text: string) => void): BestStatic | null {
  const key = staticCacheKey(rehearsal);
  const known = cachedBestStatic(key);
  if (known !== null || !flags.bestStatic) return known;
  const found = bestStaticOf(rehearsal, (tried, left) =>
    update(`static deployments: ${tried} tried, at most ${left} left`),
  );
  cacheBestStatic(key, found);
  return found;
}
