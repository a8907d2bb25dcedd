import { join, relative, resolve } from "node:path";
import { parseDurationMs, writeFileAtomically } from "#common";
import { staticSearchGpus } from "#src/rehearsal";
import {
  failedTicksTexts,
  gapTexts,
  JUDGE_COLUMNS,
  type JudgeReport,
  judgePage,
  judgeRows,
  unknownFaultsText,
} from "#src/report";
import { loadScenario } from "../rehearse.ts";
import { withResults } from "../sweep/with-results.ts";
import { textTable } from "../text-table.ts";
import { nobodyPlays, scenarioTwice } from "./errors.ts";
import { casesOf, type JudgePlan, tasksOf, tuned, tuningTasks } from "./plan.ts";
import { baselineChoices, distinct, externalChoice, settingText } from "./planners.ts";
import { JudgeRunner } from "./runner.ts";

export interface JudgeFlags {
  planners: string;
  planner?: string[];
  plannerTimeout: string;
  seeds?: number[];
  startups?: number[];
  maxGpus?: number;
  check?: true;
  floor: number;
  clairRuns: number;
  oracleRuns: number;
  tune?: true;
  tuningSeeds: number[];
  threads?: number;
  rowsInMemory: number;
  outputDir?: string;
  resume?: true;
  report: boolean;
  json?: true;
  quiet?: true;
}

/** Version of judge.json; a number goes up when a field changes its meaning or goes away. */
const SCHEMA = "understudy-judge/1";

/** Judges planners on scenarios, prints and writes what came of it. Returns the exit code. */
export async function judgePlanners(files: readonly string[], flags: JudgeFlags): Promise<number> {
  const plan = planOf(files, flags);
  const name = files.length === 1 ? plan.groups[0]!.scenario : `${files.length}-scenarios`;
  const dir = flags.outputDir ?? resolve("understudy-results", `${name}-judge`);
  return withResults({ dir, kind: "judge", what: "results", page: "judge.html" }, flags, async (results) => {
    const { store, signal, bar } = results;
    const runner = new JudgeRunner(store, { rowsInMemory: flags.rowsInMemory }, flags.threads, signal);
    const told = (what: string) => (done: number, of: number) => {
      if (!flags.quiet && of > 0) bar.update(`${what}: ${done} of ${of} runs and searches done`);
    };
    let isPlayed = true;
    try {
      let choices = plan.choices;
      let tuning: JudgeReport["tuning"] = null;
      let isTuned = true;
      if (flags.tune) {
        const tuningPlan = { ...plan, seeds: flags.tuningSeeds };
        await runner.run(tuningTasks(tuningPlan), told("tuning"));
        const found = tuned(tuningPlan, (task) => runner.outcome(task));
        isTuned = found !== null;
        if (found !== null) ({ choices, tuning } = found);
      }
      const settled: JudgePlan = { ...plan, choices };
      if (isTuned && !signal.aborted) await runner.run(tasksOf(settled), told("judging"));
      bar.done();
      const { cases, isWhole } = casesOf(settled, (task) => runner.outcome(task));
      const played = cases.flatMap(({ planners }) => planners);
      const refusals = played.flatMap(({ name, refused }) => (refused === null ? [] : [{ name, refused }]));
      isPlayed = played.length === 0 || refusals.length < played.length;
      if (!isPlayed && isWhole && isTuned) throw nobodyPlays(refusals[0]!.name, refusals[0]!.refused);
      const report: JudgeReport = {
        floor: flags.floor,
        planners: choices.map((choice) => ({ name: choice.name, setting: settingText(choice) })),
        cases,
        tuning,
        isWhole: isWhole && isTuned,
      };
      present(report, flags, dir);
      return { isWhole: report.isWhole, exitCode: 0 };
    } finally {
      // Searches for references alone are not worth keeping.
      results.kept = isPlayed ? runner.kept : 0;
      await runner.close();
    }
  });
}

function present(report: JudgeReport, flags: JudgeFlags, dir: string): void {
  const json = `${JSON.stringify({ schema: SCHEMA, ...report }, null, 2)}\n`;
  if (flags.json) process.stdout.write(json);
  else if (!flags.quiet) process.stdout.write(textOf(report));
  if (!flags.report) return;
  writeFileAtomically(join(dir, "judge.json"), json);
  writeFileAtomically(join(dir, "judge.html"), judgePage(report));
}

function planOf(files: readonly string[], flags: JudgeFlags): JudgePlan {
  const timeoutMs = parseDurationMs(flags.plannerTimeout, "--planner-timeout");
  const choices = distinct([
    ...baselineChoices(flags.planners),
    ...(flags.planner ?? []).map((text) => externalChoice(text, timeoutMs)),
  ]);
  const fileOf = new Map<string, string>();
  const groups = files.flatMap((file) => {
    const scenario = loadScenario(file);
    const other = fileOf.get(scenario.name);
    if (other !== undefined) throw scenarioTwice(file, scenario.name, other);
    fileOf.set(scenario.name, file);
    return (flags.startups ?? [null]).map((startupS) => ({
      file: relative(process.cwd(), resolve(file)),
      scenario: scenario.name,
      mode: scenario.deployment.prefill === null ? ("agg" as const) : ("disagg" as const),
      startupS,
      hasFaults: scenario.faults.length > 0,
      maxGpus: flags.maxGpus ?? staticSearchGpus(scenario),
      ...(flags.check ? { check: true as const } : {}),
    }));
  });
  return {
    groups,
    choices,
    seeds: flags.seeds ?? [null],
    floor: flags.floor,
    runs: { clair: flags.clairRuns, oracle: flags.clairRuns > 0 ? flags.oracleRuns : 0 },
  };
}

function textOf(report: JudgeReport): string {
  const table = textTable(
    JUDGE_COLUMNS,
    judgeRows(report).map(({ cells }) => cells),
  );
  const faults = unknownFaultsText(report);
  const notes = [...failedTicksTexts(report), ...(faults === null ? [] : [faults])].map((text) => `${text}\n`).join("");
  const gaps = gapTexts(report)
    .map((text) => `  ${text}\n`)
    .join("");
  const { tuning } = report;
  const optimum = gaps === "" ? "" : `\nThe best plan found is at most so far from the optimum:\n${gaps}`;
  const told = `${notes === "" ? table : `${table}\n${notes}`}${optimum}`;
  if (tuning === null) return told;
  const chosen = tuning.planners.map((planner) => `  ${planner.name}: ${planner.chosen}\n`).join("");
  return `${told}\nTuned on ${tuning.seeds} ${tuning.seeds === 1 ? "seed" : "seeds"}:\n${chosen}`;
}
