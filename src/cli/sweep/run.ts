import { join, relative, resolve } from "node:path";
import type { Override } from "#scenarios";
import type { RunnableScenario } from "#src/rehearsal";
import { STUDY_MEASURES } from "#src/report";
import {
  type Axis,
  type Cell,
  candidateText,
  checkRefusals,
  parseCondition,
  parseGoal,
  ResultStore,
  removeStore,
  runSweep,
  type SweepCandidate,
  summarizeSweep,
} from "#src/study";
import { EXIT_INTERRUPTED } from "../errors.ts";
import { progress } from "../progress.ts";
import type { ExecutorFlags } from "../sharding/flags.ts";
import type { SweepCommon, SweepRun } from "./evaluate.ts";
import { SweepMemory } from "./memory.ts";
import { sweepJson, sweepReport, sweepText, writeSweep } from "./present.ts";
import { type Runner, ShardRunner, ThreadRunner } from "./runners.ts";

/** Flags of everything that tries many runs of a scenario. */
export interface StudyFlags extends ExecutorFlags {
  goal: string;
  where?: string[];
  trade: string;
  show?: string[];
  plot?: string[];
  seeds?: number[];
  threads?: number;
  outputDir?: string;
  resume?: true;
  report: boolean;
  json?: true;
  quiet?: true;
  engine: NonNullable<SweepCommon["engine"]>;
  check?: true;
}

/** What is tried, and in which order. */
export interface Study {
  /** Behind the scenario's name in its folder's. */
  kind: string;
  /** For people. */
  method: string;
  axes: readonly Axis[];
  proposals: Parameters<typeof runSweep>[0]["method"];
  overridesOf(candidate: SweepCandidate): Override[];
  /** Every combination of the axes' values is tried: one with which nothing can be run is a mistake. */
  coversAxes: boolean;
}

const SHOWN = ["slaAttainment", "goodputPerGpu", "averageGpus", "ttft.p99", "itl.p99"];
const DRAWN = ["slaAttainment", "goodputPerGpu", "itl.mean", "scaleEvents"];

/** Runs a study of a scenario, prints and writes what came of it. Returns the exit code. */
export async function runStudy(scenario: RunnableScenario, flags: StudyFlags, study: Study): Promise<number> {
  const goal = parseGoal("--goal", flags.goal, STUDY_MEASURES);
  const conditions = (flags.where ?? []).map((text) => parseCondition("--where", text, STUDY_MEASURES));
  const [x = "", y = ""] = flags.trade.split(":");
  const trade = [parseGoal("--trade", x, STUDY_MEASURES), parseGoal("--trade", y, STUDY_MEASURES)] as const;
  const shown = measures(
    "--show",
    flags.show ?? [...new Set([goal.measure, ...conditions.map((c) => c.measure), ...SHOWN])],
  );
  const drawn = measures("--plot", flags.plot ?? DRAWN);
  const dir = flags.outputDir ?? resolve("understudy-results", `${scenario.name}-${study.kind}`);
  const { axes } = study;
  const path = relative(process.cwd(), resolve(scenario.file));
  const runOf = ({ candidate, seed }: Cell): SweepRun => ({
    file: path,
    set: study.overridesOf(candidate),
    seed,
    ...(candidate.giveUp === undefined ? {} : { giveUp: candidate.giveUp }),
  });
  const common: SweepCommon = { engine: flags.engine, ...(flags.check ? { check: true } : {}) };
  const storeFile = join(dir, `${study.kind}.sqlite`);
  const store = flags.report ? ResultStore.open(storeFile, flags.resume === true) : null;
  const memory = new SweepMemory(store, scenario.file, common, {
    runOf,
    textOf: ({ candidate }) => candidateText(axes, candidate),
  });

  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const runner: Runner =
    flags.executor === undefined && flags.shards === undefined
      ? new ThreadRunner(common, flags.threads, interrupted.signal)
      : new ShardRunner(common, flags, interrupted.signal);
  const bar = progress();
  let kept = 0;
  try {
    const { trials, isWhole } = await runSweep({
      method: study.proposals,
      goal,
      conditions,
      memory,
      run: (cells, done) =>
        runner.run(cells.map(runOf), (index, outcome) => {
          if ("measures" in outcome) kept++;
          done(index, outcome);
        }),
      signal: interrupted.signal,
      onProgress: (done, wanted) => {
        if (!flags.quiet)
          bar.update(`${done} of ${wanted} runs done (${Math.floor((100 * done) / Math.max(1, wanted))} %)`);
      },
    });
    bar.done();
    if (isWhole) checkRefusals(study.coversAxes ? axes : [], trials);
    const summary = summarizeSweep(axes, trials, goal, conditions, trade);
    const report = sweepReport(axes, summary, {
      name: scenario.name,
      method: study.method,
      goal,
      conditions: conditions.map(({ text }) => text),
      trade,
      shown,
      drawn,
      isWhole,
    });
    const json = sweepJson(report, axes, summary);
    if (flags.json) process.stdout.write(json);
    else if (!flags.quiet) process.stdout.write(sweepText(report, summary));
    if (flags.report) writeSweep(dir, report, json);
    if (!isWhole) {
      const hint = flags.report ? "; --resume goes on" : "";
      process.stderr.write(`interrupted: ${kept} new runs kept${hint}\n`);
      return EXIT_INTERRUPTED;
    }
    if (flags.report && !flags.quiet) process.stderr.write(`\nReports in ${dir}; open ${join(dir, "sweep.html")}\n`);
    return summary.best === null ? 1 : 0;
  } finally {
    bar.done();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
    await runner.close();
    store?.close();
    // Of a sweep that could not begin nothing stays.
    if (store !== null && kept === 0 && flags.resume !== true) removeStore(storeFile);
  }
}

function measures(flag: string, names: readonly string[]): string[] {
  return names.map((name) => parseGoal(flag, name, STUDY_MEASURES).measure);
}
