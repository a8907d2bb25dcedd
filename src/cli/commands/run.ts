import { Command } from "commander";
import { loadScenario, type RehearseFlags, rehearse, withRehearseFlags } from "../rehearse.ts";
import { wholeNumber } from "../values.ts";

/** `understudy run`: a scenario file in virtual time. */
export function runCommand(): Command {
  const command = new Command("run")
    .description("rehearse a scenario in virtual time and report what came of it")
    .argument("<scenario...>", "scenario files (YAML)")
    .option("--seed <n>", "another seed than the scenario's", wholeNumber("--seed"))
    .addHelpText(
      "after",
      `
Exit code 1 when an expectation of a scenario does not hold.

Examples:
  $ understudy run scenarios/library/sin-5-45-i3000-o300.yaml
  $ understudy run my.yaml --seed 7 --best-static -o results/my
  $ understudy run scenarios/library/*.yaml --quiet`,
    )
    .action((files: string[], flags: RehearseFlags) => {
      const held = files.map((file) => {
        const scenario = loadScenario(file, flags.seed);
        const outputDir = flags.outputDir && files.length > 1 ? `${flags.outputDir}/${scenario.name}` : flags.outputDir;
        return rehearse(scenario, { ...flags, ...(outputDir === undefined ? {} : { outputDir }) });
      });
      if (held.includes(false)) process.exitCode = 1;
    });
  return withRehearseFlags(command);
}
