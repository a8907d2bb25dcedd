import { Command, Option } from "commander";
import { type MethodName, methodOf, overridesOf, parseAxes } from "#src/study";
import { flagNeeds } from "../errors.ts";
import { loadScenario } from "../rehearse.ts";
import { checkStudyFlags, withStudyFlags } from "../sweep/flags.ts";
import { runStudy, type StudyFlags } from "../sweep/run.ts";
import { several, share, wholeNumber } from "../values.ts";

interface SweepFlags extends StudyFlags {
  set: string[];
  method: MethodName;
  samples?: number;
  eta: number;
  halveBy: "seeds" | "duration";
  leastPart: number;
  batch: number;
  searchSeed: number;
}

/** `understudy sweep`: a scenario with many values of its fields. */
export function sweepCommand(): Command {
  const command = new Command("sweep")
    .description(
      "rehearse a scenario with many values of its fields: which are best, what they trade, how much they matter",
    )
    .argument("<scenario>", "scenario file (YAML)")
    .requiredOption(
      "--set <path=values>",
      "a field, or several with commas between them, and what they may be (repeatable)",
      several,
    )
    .addOption(
      new Option("--method <method>", "which combinations are run")
        .choices(["grid", "random", "halving", "bayes"])
        .default("grid"),
    )
    .option(
      "--samples <n>",
      "candidates of random and bayes (default: 64); halving begins with so many",
      wholeNumber("--samples", 1),
    )
    .option("--eta <n>", "halving: one of n candidates goes on, with n times as much", wholeNumber("--eta", 2), 3)
    .addOption(
      new Option("--halve-by <what>", "halving: what there is little of at first: seeds, or the time that is played")
        .choices(["seeds", "duration"])
        .default("seeds"),
    )
    .option(
      "--least-part <share>",
      "halving by duration: of the traffic, at first at least",
      share("--least-part"),
      0.1,
    )
    .option("--batch <n>", "bayes: candidates proposed at a time", wholeNumber("--batch", 1), 4)
    .option("--search-seed <n>", "of the method's own draws", wholeNumber("--search-seed"), 1)
    .addHelpText(
      "after",
      `
Values: 1,2,4 · range(first,last,step) · geometric(first,last,count) · between(low,high) and between(low,high,log) for random
and bayes. Numbers may have units (30s). A path is written as in a message about a scenario: traffic[0].constant.requestRate.
Exit code 1 when no candidate keeps the conditions.

Examples:
  $ understudy sweep my.yaml --set deployment.decode.workers=1,2,4 --set deployment.prefill.workers=1,2
  $ understudy sweep my.yaml --set 'deployment.prefill.startup,deployment.decode.startup=range(0s,300s,30s)' --seeds 1..5
  $ understudy sweep my.yaml --set 'planner.interval=between(5s,120s)' --method bayes --samples 40 --where 'slaAttainment>=0.99'
  $ understudy sweep my.yaml --set 'deployment.decode.workers=range(1,64)' --method halving --seeds 1..9
  $ understudy sweep my.yaml --set 'deployment.decode.workers=range(1,64)' --method halving --halve-by duration
  $ understudy sweep my.yaml --set 'seed=range(1,1000)' --executor kubernetes --shards 50 --image understudy:0.1.0`,
    )
    .action(async (file: string, flags: SweepFlags, self: Command) => {
      checkStudyFlags(flags, self);
      checkMethodFlags(flags, self);
      const axes = parseAxes(flags.set);
      const { method, samples = null, eta, halveBy, leastPart, batch, searchSeed } = flags;
      const seeds = flags.seeds ?? [null];
      const proposals = methodOf({ method, axes, seeds, samples, eta, halveBy, leastPart, batch, searchSeed });
      process.exitCode = await runStudy(loadScenario(file), flags, {
        kind: "sweep",
        method: method === "halving" ? `halving by ${halveBy}` : method,
        axes,
        proposals,
        coversAxes: method === "grid" || (method === "halving" && samples === null),
        overridesOf: (candidate) => overridesOf(axes, candidate),
      });
    });
  return withStudyFlags(command);
}

/** Flags that mean nothing with the method asked for. */
function checkMethodFlags(flags: SweepFlags, command: Command): void {
  const given = (name: string) => command.getOptionValueSource(name) === "cli";
  if (given("samples") && flags.method === "grid") throw flagNeeds("samples", "--method random, halving or bayes");
  if (given("eta") && flags.method !== "halving") throw flagNeeds("eta", "--method halving");
  if (given("batch") && flags.method !== "bayes") throw flagNeeds("batch", "--method bayes");
  if (given("halveBy") && flags.method !== "halving") throw flagNeeds("halveBy", "--method halving");
  const byDuration = flags.method === "halving" && flags.halveBy === "duration";
  if (given("leastPart") && !byDuration) throw flagNeeds("leastPart", "--method halving --halve-by duration");
  if (flags.method === "halving" && !byDuration && (flags.seeds ?? []).length < 2)
    throw flagNeeds("method halving", "several --seeds, or --halve-by duration");
}
