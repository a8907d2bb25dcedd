import { Command } from "commander";
import { formatUserError, UserError } from "#common";
import {
  addPlannerOptions,
  plannerFlagsFrom,
  printPlannerConfig,
  type ReadPlannerConfig,
  readPlannerConfig,
} from "#planner/config";
import type { ServiceLog } from "#planner/service";
import { openPlannerLog } from "../planner/log-file.ts";
import { toldToEnd } from "../told-to-end.ts";
import { compareCommand } from "./planner/compare.ts";
import { dryRunCommand } from "./planner/dry-run.ts";
import { storeCommand } from "./planner/store.ts";

/** `understudy planner`: a planner that runs until it is told to end; its subcommands ask what one would do with a trace, and serve what it shares with a virtual environment. */
export function plannerCommand(): Command {
  const command = new Command("planner");
  return addPlannerOptions(
    command
      .description("watch a deployment and scale it: throughput, load or our own strategy, explained at every tick")
      .option("--config <file|text>", "configuration: a file of YAML or JSON, -, or the text itself")
      .option("--print-config", "print the configuration in effect, with where each value comes from, and end")
      // What follows a subcommand's name is the subcommand's, though the planner has flags of the same names.
      .enablePositionalOptions()
      .addCommand(dryRunCommand())
      .addCommand(compareCommand())
      .addCommand(storeCommand()),
  )
    .addHelpText(
      "after",
      `
Flags go before environment variables, those before the file, that before defaults.

Examples:
  $ understudy planner --config planner.yaml
  $ understudy planner --environment kubernetes --graph-deployment-name vllm-disagg --frontend-urls http://frontend:8000
  $ understudy planner --environment local --control-url http://127.0.0.1:7070 --control-token-file token --graph-deployment-name llama
  $ understudy planner --environment none --advisory --frontend-urls http://127.0.0.1:8000 --profile-results-dir profiling_results
  $ understudy planner dry-run --trace trace.jsonl --profile profiling_results --predictor arima
  $ understudy planner compare --trace trace.jsonl --profile profiling_results --predictors constant,arima,ensemble
  $ understudy planner --config '{"optimization_target": "sla", "ttft_ms": 200, "itl_ms": 10}' --print-config`,
    )
    .action(async (flags: { config?: string; printConfig?: true }) => {
      const read = readPlannerConfig({
        flags: plannerFlagsFrom(command),
        environment: process.env,
        ...(flags.config === undefined ? {} : { config: flags.config }),
      });
      if (flags.printConfig) {
        process.stdout.write(printPlannerConfig(read));
        return;
      }
      const log = openPlannerLog({
        folder: read.config.logDir,
        place: read.place("log_dir"),
        terminal: (line) => process.stderr.write(`${line}\n`),
      });
      try {
        for (const path of await runPlanner(read, log)) process.stdout.write(`${path}\n`);
      } catch (error) {
        log.failed(error instanceof UserError ? formatUserError(error) : String(error));
        throw error;
      } finally {
        log.close();
      }
    });
}

/** Runs until it is told to end. Gives the files that it left. */
async function runPlanner(read: ReadPlannerConfig, log: ServiceLog): Promise<string[]> {
  const { assemblePlanner } = await import("../planner/assemble.ts");
  const planner = await assemblePlanner(read, log);
  const end = toldToEnd();
  await planner.start();
  await end;
  return await planner.stop();
}
