import { Command, Option } from "commander";
import { UserError } from "#common";
import type { ClusterOptions } from "#planner/connectors";
import { holderOf, type RunPlan, type StateFolder } from "#src/deployment";
import { flagsExclude } from "../errors.ts";
import { positiveNumber, wholeNumber } from "../values.ts";
import { startInBackground } from "./up/background.ts";
import { clusterSource } from "./up/cluster.ts";
import { nothingToRun, ofTheRunner, stateFolderTaken } from "./up/errors.ts";
import { handOver, showPlanned } from "./up/hand-over.ts";
import { readPlans } from "./up/read-plans.ts";
import { planSource, runDeployments } from "./up/run.ts";
import { jsonScreen, lineScreen, tableScreen } from "./up/screen.ts";
import { stateFolder, withRunner, withStateDir } from "./up/target.ts";

interface UpFlags {
  namespace?: string;
  port?: number;
  timeScale?: number;
  stateDir?: string;
  detach?: true;
  waitReady?: true;
  json?: true;
  kubeconfig?: string;
  kubeContext?: string;
  playEngines?: string;
}

/** `understudy up`: runs DynamoGraphDeployments on this machine. */
export function upCommand(): Command {
  return withStateDir(new Command("up"))
    .description("run the deployments of manifests on this machine: frontend, workers, planner as processes")
    .argument(
      "[file...]",
      "DynamoGraphDeployments with their ConfigMaps and Secrets, or requests for some; -: standard input",
    )
    .option("-n, --namespace <name>", "of objects that name none (default: default); of a cluster: the kubeconfig's")
    .option("--kubeconfig <file>", "run what is applied to this API server instead of files, and write its status")
    .option("--kube-context <name>", "of the kubeconfig (default: the current one)")
    .addOption(
      new Option("--port <n>", "of the first frontend; 0: any free one (default: the manifest's, or 8000)").argParser(
        wholeNumber("--port"),
      ),
    )
    .addOption(
      new Option(
        "--time-scale <k>",
        "model time runs k times as fast as the clock, in all processes (default: 1)",
      ).argParser(positiveNumber("--time-scale")),
    )
    .option(
      "--play-engines <gpu>",
      "mockers play vLLM, SGLang and TensorRT-LLM workers as on this GPU, such as h200_sxm (default: they are refused)",
    )
    .option("-d, --detach", "leave it running in the background")
    .option("--wait-ready", "with --detach, or a runner that lives: return when all of it is ready")
    .option("--json", "a JSON line for each event and each change of the verdict")
    .addHelpText(
      "after",
      `
Shows the state until Ctrl-C, which drains and ends all of it; a second one ends it at once. Where a runner has the state folder
already, it takes the manifests over, and this command returns: what has changed of them rolls over. What a runner that was killed has
left behind is taken over where the same deployments are asked for, else ended.

Examples:
  $ understudy up mocker-dgd.yaml
  $ understudy up planner-config.yaml dgd.yaml --time-scale 10
  $ understudy up dgdr.yaml                    # profiles first, then runs the deployment that comes of it
  $ understudy up vllm-disagg.yaml --play-engines h200_sxm
  $ understudy up dgd.yaml --detach --wait-ready && understudy scale decode=3 && understudy down
  $ understudy up --kubeconfig ~/.kube/config --namespace mocker   # plays Dynamo's operator: kubectl apply -f dgd.yaml`,
    )
    .action(async (files: string[], flags: UpFlags, self: Command) => {
      const cluster = clusterOf(files, flags);
      if (flags.playEngines !== undefined) await checkSystem(flags.playEngines);
      const state = stateFolder(flags);
      const { plans, input } = cluster === null ? await readPlans(files, flags, state) : { plans: [], input: "" };
      const holder = holderOf(state);
      if (holder !== null && cluster !== null) throw stateFolderTaken(state.path, holder.pid);
      if (holder !== null) return await toRunner(state, holder.pid, plans, flags);
      if (flags.detach) return await detached(state, plans, input, flags, self);
      const screen = flags.json ? jsonScreen() : process.stderr.isTTY ? tableScreen() : lineScreen();
      for (const note of plans.flatMap(({ notes }) => notes)) screen.say(`note: ${note}`);
      const frontendPort = flags.port ?? null;
      const source = cluster === null ? planSource(plans) : clusterSource(cluster, state, screen, flags);
      await runDeployments({ state, source, timeScale: flags.timeScale ?? 1, frontendPort, screen });
    });
}

/** The cluster that is to be played; null where files are to be run. @throws UserError for both, or neither */
function clusterOf(files: readonly string[], { kubeconfig, kubeContext, namespace }: UpFlags): ClusterOptions | null {
  if (kubeconfig === undefined && kubeContext === undefined) {
    if (files.length === 0) throw nothingToRun();
    return null;
  }
  if (files.length > 0)
    throw flagsExclude("--kubeconfig", files[0]!, "what is applied to the API server runs: kubectl apply -f");
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(kubeContext === undefined ? {} : { context: kubeContext }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** @throws UserError where the estimator does not know it */
async function checkSystem(name: string): Promise<void> {
  const { gpuSystem } = await import("#src/estimator");
  try {
    gpuSystem(name);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { code, message, hint } = error;
    throw new UserError({ code, where: "--play-engines", message, ...(hint === undefined ? {} : { hint }) });
  }
}

/** A runner has the state folder: it takes the plans over. */
async function toRunner(state: StateFolder, pid: number, plans: readonly RunPlan[], flags: UpFlags): Promise<void> {
  if (flags.port !== undefined) throw ofTheRunner("--port", pid);
  if (flags.timeScale !== undefined) throw ofTheRunner("--time-scale", pid);
  await withRunner(state, async (client) => {
    await handOver(state, plans);
    await showPlanned(client, plans, { waitReady: flags.waitReady ?? false, json: flags.json ?? false });
  });
  if (!flags.json) process.stderr.write(`process ${pid} has taken it over; \`understudy down\` ends it\n`);
}

async function detached(
  state: StateFolder,
  plans: readonly RunPlan[],
  input: string,
  flags: UpFlags,
  self: Command,
): Promise<void> {
  const pid = await startInBackground(state, ["up", ...self.args, ...flagsOf(self)], input);
  await withRunner(state, (client) =>
    showPlanned(client, plans, { waitReady: flags.waitReady ?? false, json: flags.json ?? false }),
  );
  if (!flags.json) process.stderr.write(`process ${pid} runs it; \`understudy down\` ends it\n`);
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
