import { Command, Option } from "commander";
import { flagNeeds, flagsExclude } from "../errors.ts";
import type { LiveFlags } from "../live-run/live-run.ts";
import { loadScenario, rehearse, withRehearseFlags } from "../rehearse.ts";
import { positiveNumber, wholeNumber } from "../values.ts";

interface RunFlags extends LiveFlags {
  live?: true;
}

/** `understudy run`: a scenario file in virtual time, or with real processes. */
export function runCommand(): Command {
  const command = new Command("run")
    .description("rehearse a scenario and report what came of it: in virtual time, or live with --live")
    .argument("<scenario...>", "scenario files (YAML)")
    .option("--seed <n>", "another seed than the scenario's", wholeNumber("--seed"))
    .addHelpText(
      "after",
      `
Exit code 1 when an expectation of a scenario does not hold, or when counts of a live run differ from those of its virtual
twin (--compare).

Examples:
  $ understudy run scenarios/library/sin-5-45-i3000-o300.yaml
  $ understudy run my.yaml --seed 7 --best-static -o results/my
  $ understudy run scenarios/library/*.yaml --quiet
  $ understudy run my.yaml --live --time-scale 5 --compare
  $ understudy run my.yaml --live --url http://127.0.0.1:8000`,
    )
    .action(async (files: string[], flags: RunFlags, self: Command) => {
      checkFlags(flags, self);
      const codes: number[] = [];
      for (const file of files) {
        const scenario = loadScenario(file, flags.seed);
        const outputDir = flags.outputDir && files.length > 1 ? `${flags.outputDir}/${scenario.name}` : flags.outputDir;
        const own = { ...flags, ...(outputDir === undefined ? {} : { outputDir }) };
        codes.push(flags.live ? await runLiveScenario(scenario, own) : (await rehearse(scenario, own)) ? 0 : 1);
        // A signal ends the whole list.
        if (codes.at(-1)! > 2) break;
      }
      process.exitCode = Math.max(...codes);
    });
  return withLiveFlags(withRehearseFlags(command));
}

/** Servers are loaded only by who wants them. */
async function runLiveScenario(scenario: ReturnType<typeof loadScenario>, flags: LiveFlags): Promise<number> {
  const { runScenarioLive } = await import("../live-run/live-run.ts");
  return runScenarioLive(scenario, flags);
}

function withLiveFlags(command: Command): Command {
  return command
    .option("--live", "on the wall clock, with a frontend and workers as processes of their own")
    .option("--time-scale <k>", "live: run k times as fast as the wall clock", positiveNumber("--time-scale"), 1)
    .option("--processes <n>", "live: processes that share the workers of a role", wholeNumber("--processes", 1), 1)
    .option("--compare", "live: run the virtual twin too, and show how they differ")
    .option("--url <url>", "live: send the traffic to this server; nothing is started, no planner runs")
    .option("--model <name>", "with --url: the model to ask for (default: the only one there is)")
    .addOption(
      new Option("--endpoint-type <type>", "with --url: which endpoint")
        .choices(["chat", "completions"])
        .default("chat"),
    )
    .addOption(new Option("--api-key <key>", "with --url: bearer token").env("OPENAI_API_KEY"));
}

/** Flags that mean nothing without others, or beside them. */
function checkFlags(flags: RunFlags, command: Command): void {
  const given = (name: string) => command.getOptionValueSource(name) === "cli";
  if (!flags.live) {
    for (const name of ["timeScale", "processes", "compare", "url"]) if (given(name)) throw flagNeeds(name, "--live");
  }
  if (flags.url === undefined) {
    for (const name of ["model", "endpointType", "apiKey"]) if (given(name)) throw flagNeeds(name, "--url");
    if (flags.live && flags.bestStatic)
      throw flagsExclude("--live", "--best-static", "deployments are searched in virtual time");
    return;
  }
  if (flags.compare) throw flagsExclude("--url", "--compare", "what is behind a URL has no virtual twin");
  if (given("processes")) throw flagsExclude("--url", "--processes", "nothing is started");
}
