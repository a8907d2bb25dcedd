import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { loadScenario, type RehearseFlags, rehearse, withRehearseFlags } from "../rehearse.ts";

const MAIN_SCENARIO = new URL("../../../scenarios/library/sin-5-45-i3000-o300.yaml", import.meta.url);

/** `understudy start` (`npm start`): the main job on a shipped profile. */
export function startCommand(): Command {
  const command = new Command("start")
    .description("a first rehearsal: half an hour of sinusoidal traffic on a deployment that the planner scales")
    .addHelpText("after", "\nExamples:\n  $ understudy start\n  $ understudy start -o results/first")
    .action(async (flags: RehearseFlags) => {
      process.exitCode = await rehearse(loadScenario(fileURLToPath(MAIN_SCENARIO)), flags);
    });
  return withRehearseFlags(command);
}
