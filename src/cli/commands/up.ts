import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { planDeployments, type RunPlan, readManifests, type StateFolder } from "#src/deployment";
import { progress } from "../progress.ts";
import { positiveNumber, wholeNumber } from "../values.ts";
import { startInBackground } from "./up/background.ts";
import { runDeployments } from "./up/run.ts";
import { jsonScreen, lineScreen, tableScreen } from "./up/screen.ts";
import { statusText } from "./up/status-text.ts";
import { stateFolder, withRunner, withStateDir } from "./up/target.ts";

interface UpFlags {
  namespace?: string;
  port?: number;
  timeScale: number;
  stateDir?: string;
  detach?: true;
  waitReady?: true;
  json?: true;
}

/** `understudy up`: runs DynamoGraphDeployments on this machine. */
export function upCommand(): Command {
  return withStateDir(new Command("up"))
    .description("run the deployments of manifests on this machine: frontend, workers, planner as processes")
    .argument("<file...>", "DynamoGraphDeployments with their ConfigMaps and Secrets; -: standard input")
    .option("-n, --namespace <name>", "of objects that name none (default: default)")
    .addOption(
      new Option("--port <n>", "of the first frontend; 0: any free one (default: the manifest's, or 8000)").argParser(
        wholeNumber("--port"),
      ),
    )
    .addOption(
      new Option("--time-scale <k>", "model time runs k times as fast as the clock, in all processes")
        .argParser(positiveNumber("--time-scale"))
        .default(1),
    )
    .option("-d, --detach", "leave it running in the background")
    .option("--wait-ready", "with --detach: return when all of it is ready")
    .option("--json", "a JSON line for each event and each change of the verdict")
    .addHelpText(
      "after",
      `
Shows the state until Ctrl-C, which drains and ends all of it; a second one ends it at once. What a runner that was killed has left
behind is taken over where the same deployments are asked for, else ended.

Examples:
  $ understudy up mocker-dgd.yaml
  $ understudy up planner-config.yaml dgd.yaml --time-scale 10
  $ understudy up dgd.yaml --detach --wait-ready && understudy scale decode=3 && understudy down`,
    )
    .action(async (files: string[], flags: UpFlags, self: Command) => {
      const { plans, input } = readPlans(files, flags.namespace);
      const state = stateFolder(flags);
      if (flags.detach) return await detached(state, plans, input, flags, self);
      const screen = flags.json ? jsonScreen() : process.stderr.isTTY ? tableScreen() : lineScreen();
      for (const note of plans.flatMap(({ notes }) => notes)) screen.say(`note: ${note}`);
      const frontendPort = flags.port ?? null;
      await runDeployments({ state, plans, timeScale: flags.timeScale, frontendPort, screen });
    });
}

/** All files together: what one declares another may use. */
function readPlans(files: readonly string[], namespace: string | undefined): { plans: RunPlan[]; input: string } {
  let input = "";
  const documents = files.flatMap((file) => {
    const text = readFileSync(file === "-" ? 0 : file, "utf8");
    if (file === "-") input = text;
    return readManifests(text, file === "-" ? "standard input" : file);
  });
  return {
    plans: planDeployments(documents, { store: "local", ...(namespace === undefined ? {} : { namespace }) }),
    input,
  };
}

async function detached(
  state: StateFolder,
  plans: readonly RunPlan[],
  input: string,
  { waitReady, json }: UpFlags,
  self: Command,
): Promise<void> {
  const args = ["up", ...self.args, ...flagsOf(self)];
  const pid = await startInBackground(state, args, input);
  await withRunner(state, async (client) => {
    const bar = progress();
    for (const plan of plans) {
      let now = await client.deployment(plan);
      while (waitReady && now !== null && !now.ready) {
        bar.update(`${plan.name}: ${now.message}`);
        now = await client.changed(plan, now.resourceVersion, 1000);
      }
      bar.done();
      if (now === null) continue;
      process.stdout.write(json ? `${JSON.stringify(now)}\n` : `${statusText(now, Date.now())}`);
    }
  });
  if (!json) process.stderr.write(`process ${pid} runs it; \`understudy down\` ends it\n`);
}

/** The flags as they were given, for the process in the background, which has no terminal to show things on. */
function flagsOf(command: Command): string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName();
    if (["detach", "waitReady", "json"].includes(name) || command.getOptionValueSource(name) !== "cli") return [];
    const value = command.getOptionValue(name) as string | number | boolean;
    return value === true ? [option.long!] : [option.long!, String(value)];
  });
}
