import { Command, InvalidArgumentError } from "commander";
import { flagNeeds } from "../errors.ts";
import { tunedOnJudged } from "../judge/errors.ts";
import type { JudgeFlags } from "../judge/run.ts";
import { rowsInMemoryOption } from "../rows-flag.ts";
import { seedList } from "../run/seed-list.ts";
import { checkResume } from "../sweep/flags.ts";
import { positiveDuration, several, share, wholeNumber } from "../values.ts";

/** `0,30,60,120`: start-up times, s, each once. */
function startups(text: string): number[] {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!values.every((value) => Number.isFinite(value) && value >= 0))
    throw new InvalidArgumentError("--startups takes seconds with commas between them, such as 0,30,60,120.");
  return [...new Set(values)];
}

/** @throws UserError CLI_FLAG_NEEDS, CLI_FLAGS_EXCLUDE, CLI_TUNED_ON_JUDGED */
function checkFlags(flags: JudgeFlags, command: Command): void {
  const given = (name: string) => command.getOptionValueSource(name) === "cli";
  checkResume(flags);
  if (given("tuningSeeds") && !flags.tune) throw flagNeeds("tuningSeeds", "--tune");
  if (given("plannerTimeout") && flags.planner === undefined) throw flagNeeds("plannerTimeout", "--planner");
  if (given("oracleRuns") && flags.clairRuns === 0) throw flagNeeds("oracleRuns", "--clair-runs of 1 or more");
  const both = flags.tune ? flags.tuningSeeds.find((seed) => flags.seeds?.includes(seed)) : undefined;
  if (both !== undefined) throw tunedOnJudged(both);
}

/** `understudy judge`: planners beside each other and beside what could have been had. */
export function judgeCommand(): Command {
  return new Command("judge")
    .description("judge planners on scenarios, against the best static deployment and plans made in hindsight")
    .argument("<scenario...>", "scenario files (YAML); their own planner gives the GPU budget alone")
    .option(
      "--planners <names>",
      "planners that come with it: default, hpa, keda, load-compat, sla-compat; own: the scenario's",
      "default,hpa,keda,load-compat,sla-compat",
    )
    .option(
      "--planner <name=where>",
      "one of yours: name=http://127.0.0.1:9100 (a plugin of stage propose), name=virtual:STORE (repeatable)",
      several,
    )
    .option("--planner-timeout <duration>", "for one decision of yours", positiveDuration("--planner-timeout"), "5s")
    .option("--seeds <list>", "several seeds, such as 1..10: means with 95 % intervals", seedList("--seeds"))
    .option("--startups <seconds>", "start-up times of all workers, such as 0,30,60,120", startups)
    .option("--max-gpus <n>", "GPU budget of all (default: the scenario's)", wholeNumber("--max-gpus", 1))
    .option("--floor <share>", "attainment that references must reach", share("--floor"), 0.99)
    .option(
      "--clair-runs <n>",
      "runs that the search for clair may make; 0: no hindsight",
      wholeNumber("--clair-runs"),
      40,
    )
    .option("--oracle-runs <n>", "runs of the oracle's search after it; 0: none", wholeNumber("--oracle-runs"), 80)
    .option("--tune", "choose the settings of hpa, keda, load-compat and sla-compat first, by a grid on tuning seeds")
    .option("--tuning-seeds <list>", "seeds of --tune", seedList("--tuning-seeds"), [1001, 1002])
    .option("--threads <n>", "threads (default: one a core)", wholeNumber("--threads", 1))
    .addOption(rowsInMemoryOption())
    .option("-o, --output-dir <dir>", "where results and reports go (default: understudy-results/<name>-judge)")
    .option("--check", "hold what planners do against the invariants of a simulation (docs/invariants.md)")
    .option("--resume", "go on with the results that are there")
    .option("--no-report", "write no files")
    .option("--json", "print judge.json instead of text")
    .option("--quiet", "print nothing but errors")
    .addHelpText(
      "after",
      `
Regret is the share of a reference's goodput per GPU that was not reached; below zero it was surpassed. S99: the best deployment
that never scales and attains 99 %; any: the same without that condition; clair: a plan by who knows the smoothed rate; oracle: by
who knows every arrival.

Examples:
  $ understudy judge scenarios/library/sin-5-45-i3000-o300.yaml
  $ understudy judge my.yaml --planners default,hpa --seeds 1..5 --startups 0,30,60,120 -o results/judged
  $ understudy judge scenarios/library/*.yaml --planners default --clair-runs 0
  $ understudy judge my.yaml --tune --tuning-seeds 1001..1005
  $ understudy judge my.yaml --planners default --planner mine=http://127.0.0.1:9100
  $ understudy judge my.yaml --planner mine=virtual:file:./planner-state`,
    )
    .action(async (files: string[], flags: JudgeFlags, self: Command) => {
      checkFlags(flags, self);
      const { judgePlanners } = await import("../judge/run.ts");
      process.exitCode = await judgePlanners(files, flags);
    });
}
