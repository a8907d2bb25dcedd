import { type Command, Option } from "commander";
import { flagsExclude } from "../errors.ts";
import { rowsInMemoryOption } from "../rows-flag.ts";
import { seedList } from "../run/seed-list.ts";
import { checkExecutorFlags, type ExecutorFlags, withExecutorFlags } from "../sharding/flags.ts";
import { several, wholeNumber } from "../values.ts";

const listed = (text: string) => text.split(",").map((part) => part.trim());

/** Flags of what is measured and kept, and of where it runs. */
export function withStudyFlags(command: Command): Command {
  const own = command
    .option(
      "--goal <measure>",
      "what is to be best: a measure of expect:, max: or min: before it where it is not plain",
      "goodputPerGpu",
    )
    .option("--where <condition>", "what a candidate must keep, such as slaAttainment>=0.99 (repeatable)", several)
    .option("--trade <x:y>", "two measures of the Pareto chart", "itl.mean:outputThroughputPerGpu")
    .option("--show <measures>", "columns of the table, with commas between them", listed)
    .option("--plot <measures>", "drawn over each axis of numbers, with commas between them", listed)
    .option(
      "--seeds <list>",
      "several seeds a candidate, such as 1..10: means with 95 % intervals",
      seedList("--seeds"),
    )
    .option("--threads <n>", "threads (default: one a core)", wholeNumber("--threads", 1))
    .option("-o, --output-dir <dir>", "where results and reports go")
    .addOption(rowsInMemoryOption())
    .option("--check", "hold every run against the invariants of a simulation (docs/invariants.md)")
    .option("--resume", "go on with the results that are there")
    .option("--no-report", "write no files")
    .option("--json", "print sweep.json instead of text")
    .option("--quiet", "print nothing but errors")
    .addOption(new Option("--engine <engine>", "as for run").choices(["skipping", "stepping"]).default("skipping"));
  return withExecutorFlags(own);
}

/** Results are kept beside the reports. @throws UserError CLI_FLAGS_EXCLUDE */
export function checkResume({ resume, report }: { resume?: true; report: boolean }): void {
  if (resume && !report) throw flagsExclude("--no-report", "--resume", "there are no results to go on with then");
}

/** @throws UserError CLI_FLAG_NEEDS, CLI_FLAGS_EXCLUDE */
export function checkStudyFlags(
  flags: ExecutorFlags & { threads?: number; resume?: true; report: boolean },
  command: Command,
): void {
  checkExecutorFlags(flags, command);
  checkResume(flags);
  const other = flags.executor !== undefined ? "--executor" : flags.shards !== undefined ? "--shards" : null;
  if (flags.threads !== undefined && other !== null)
    throw flagsExclude("--threads", other, "runs are not in this process then");
}
