import { relative, resolve } from "node:path";
import { UserError } from "#common";
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
  runSweep,
  type SweepCandidate,
  summarizeSweep,
} from "#src/study";
import type { ExecutorFlags } from "../sharding/flags.ts";
import type { SweepCommon, SweepRun } from "./evaluate.ts";
import { SweepMemory } from "./memory.ts";
import { sweepJson, sweepReport, sweepText, writeSweep } from "./present.ts";
import { type Runner, ShardRunner, ThreadRunner } from "./runners.ts";
import { withResults } from "./with-results.ts";

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
  rowsInMemory: number;
}

/** What is tried, and in which order. */
export interface Study {
  /** Behind the scenario's name in its folder's. */
  kind: "sweep" | "search";
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
  const trade = parseTrade(flags.trade);
  const shown = measures(
    "--show",
    flags.show ?? [...new Set([goal.measure, ...conditions.map((c) => c.measure), ...SHOWN])],
  );
  const drawn = measures("--plot", flags.plot ?? DRAWN);
  const dir = flags.outputDir ?? resolve("understudy-results", `${scenario.name}-${study.kind}`);
  const { axes } = study;
  const path = relative(process.cwd(), resolve(scenario.file));
  const runOf = ({ candidate, seed, part }: Cell): SweepRun => ({
    file: path,
    set: study.overridesOf(candidate),
    seed,
    ...(part === undefined ? {} : { part }),
    ...(candidate.giveUp === undefined ? {} : { giveUp: candidate.giveUp }),
  });
  const identity = { engine: flags.engine, ...(flags.check ? { check: true } : {}) };
  const common: SweepCommon = { ...identity, rowsInMemory: flags.rowsInMemory };
  return withResults({ dir, kind: study.kind, what: "runs", page: "sweep.html" }, flags, async (results) => {
    const { store, signal, bar } = results;
    const textOf = ({ candidate }: Cell) => candidateText(axes, candidate);
    const memory = new SweepMemory(store, scenario.file, identity, { runOf, textOf });
    const runner: Runner =
      flags.executor === undefined && flags.shards === undefined
        ? new ThreadRunner(common, flags.threads, signal)
        : new ShardRunner(common, flags, signal);
    const { trials, isWhole } = await runSweep({
      method: study.proposals,
      goal,
      conditions,
      memory,
      run: (cells, done) =>
        runner.run(cells.map(runOf), (index, outcome) => {
          // What was given up was played, too.
          if (!("refused" in outcome)) results.kept++;
          done(index, outcome);
        }),
      signal,
      onProgress: (done, wanted) => {
        if (!flags.quiet)
          bar.update(`${done} of ${wanted} runs done (${Math.floor((100 * done) / Math.max(1, wanted))} %)`);
      },
    }).finally(() => runner.close());
    bar.done();
    if (isWhole) checkRefusals(study.coversAxes ? axes : [], trials);
    const summary = summarizeSweep(axes, trials, goal, conditions, trade);
    const report = sweepReport(axes, summary, {
      kind: study.kind,
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
    return { isWhole, exitCode: summary.best === null ? 1 : 0 };
  });
}

/** `itl.mean:goodputPerGpu`: what the x and the y axis of the Pareto chart are. */
function parseTrade(text: string): readonly [ReturnType<typeof parseGoal>, ReturnType<typeof parseGoal>] {
  const [x, y, ...more] = text.split(":");
  if (x !== undefined && y !== undefined && more.length === 0)
    return [parseGoal("--trade", x, STUDY_MEASURES), parseGoal("--trade", y, STUDY_MEASURES)];
  throw new UserError({
    code: "CLI_USAGE",
    where: `--trade ${text}`,
    message: "expected two measures with a colon between them, such as itl.mean:goodputPerGpu",
  });
}

function measures(flag: string, names: readonly string[]): string[] {
  return names.map((name) => parseGoal(flag, name, STUDY_MEASURES).measure);
}
