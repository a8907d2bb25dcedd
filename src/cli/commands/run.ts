import { Command, Option } from "commander";
import { flagNeeds, flagsExclude } from "../errors.ts";
import type { LiveFlags } from "../live-run/live-run.ts";
import { loadScenario, rehearse, withRehearseFlags } from "../rehearse.ts";
import { seedList } from "../run/seed-list.ts";
import { checkExecutorFlags, type ExecutorFlags, withExecutorFlags } from "../sharding/flags.ts";
import { positiveNumber, wholeNumber } from "../values.ts";

interface RunFlags extends LiveFlags, ExecutorFlags {
  live?: true;
  seeds?: number[];
}

/** `understudy run`: a scenario file in virtual time, or with real processes. */
export function runCommand(): Command {
  const command = new Command("run")
    .description("rehearse a scenario and report what came of it: in virtual time, or live with --live")
    .argument("<scenario...>", "scenario files (YAML)")
    .option("--seed <n>", "another seed than the scenario's", wholeNumber("--seed"))
    .option(
      "--seeds <list>",
      "several seeds, such as 1..20 or 1,2,5: one table with means and intervals",
      seedList("--seeds"),
    )
    .addHelpText(
      "after",
      `
Exit code 1 when an expectation of a scenario does not hold, or when counts of a live run differ from those of its virtual
twin (--compare).

Examples:
  $ understudy run scenarios/library/sin-5-45-i3000-o300.yaml
  $ understudy run my.yaml --seed 7 --best-static -o results/my
  $ understudy run scenarios/library/*.yaml --quiet
  $ understudy run my.yaml --seeds 1..20
  $ understudy run my.yaml --seeds 1..200 --executor kubernetes --shards 20 --image understudy:0.1.0
  $ understudy run my.yaml --live --time-scale 5 --compare
  $ understudy run my.yaml --live --url http://127.0.0.1:8000
  $ understudy run my.yaml --live --kubeconfig ~/.kube/config --namespace mocker   # as a deployment of that cluster`,
    )
    .action(async (files: string[], flags: RunFlags, self: Command) => {
      checkFlags(flags, self);
      if (!isInCluster(flags)) checkExecutorFlags(flags, self);
      if (flags.seeds !== undefined || flags.executor !== undefined || flags.shards !== undefined) {
        process.exitCode = await runShards(files, flags);
        return;
      }
      const codes: number[] = [];
      for (const file of files) {
        const scenario = loadScenario(file, flags.seed);
        const outputDir = flags.outputDir && files.length > 1 ? `${flags.outputDir}/${scenario.name}` : flags.outputDir;
        const own = { ...flags, ...(outputDir === undefined ? {} : { outputDir }) };
        codes.push(flags.live ? await runLiveScenario(scenario, own) : await rehearse(scenario, own));
        // A signal ends the whole list.
        if (codes.at(-1)! > 2) break;
      }
      process.exitCode = Math.max(...codes);
    });
  return withExecutorFlags(withLiveFlags(withRehearseFlags(command)));
}

/** What runs elsewhere is loaded only by who wants it. */
async function runShards(files: string[], flags: RunFlags): Promise<number> {
  const { runInShards } = await import("../run/shards.ts");
  return runInShards(files, flags);
}

/** Servers are loaded only by who wants them. */
async function runLiveScenario(scenario: ReturnType<typeof loadScenario>, flags: LiveFlags): Promise<number> {
  const { runScenarioLive } = await import("../live-run/live-run.ts");
  return runScenarioLive(scenario, flags);
}

function withLiveFlags(command: Command): Command {
  return command
    .option(
      "--live",
      "on the wall clock, with a frontend and workers as processes of their own; with --kubeconfig as a deployment of that cluster",
    )
    .option(
      "--time-scale <k>",
      "live: run k times as fast as the wall clock (default: 1; in a cluster what its workers run at)",
      positiveNumber("--time-scale"),
    )
    .option("--processes <n>", "live: processes that share the workers of a role", wholeNumber("--processes", 1), 1)
    .option("--compare", "live: run the virtual twin too, and show how they differ")
    .option(
      "--url <url>",
      "live: send the traffic to this server; nothing is started, no planner runs; with --kubeconfig the deployment's frontend",
    )
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
  if (flags.seed !== undefined && flags.seeds !== undefined)
    throw flagsExclude("--seed", "--seeds", "give one of them");
  if (flags.live) {
    const why = "a live run is one run, on this machine";
    for (const name of ["seeds", "executor", "shards"]) if (given(name)) throw flagsExclude("--live", `--${name}`, why);
    if (flags.check) throw flagsExclude("--live", "--check", "invariants are of runs in virtual time");
  }
  if (!flags.live) {
    for (const name of ["timeScale", "processes", "compare", "url"]) if (given(name)) throw flagNeeds(name, "--live");
  }
  if (isInCluster(flags)) {
    checkClusterFlags(flags, given);
    return;
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

/** A live run as a deployment of a cluster; --executor means that cluster by the same flags. */
function isInCluster({ live, kubeconfig, kubeContext }: RunFlags): boolean {
  return live === true && (kubeconfig !== undefined || kubeContext !== undefined);
}

function checkClusterFlags(flags: RunFlags, given: (name: string) => boolean): void {
  const cluster = flags.kubeconfig === undefined ? "--kube-context" : "--kubeconfig";
  if (flags.compare) throw flagsExclude(cluster, "--compare", "what the planner in a cluster saw is not known here");
  if (flags.bestStatic) throw flagsExclude("--live", "--best-static", "deployments are searched in virtual time");
  if (given("processes")) throw flagsExclude(cluster, "--processes", "the cluster runs the workers");
  for (const name of ["serviceAccount", "jobDeadline", "keep"]) {
    if (given(name)) throw flagNeeds(name, "--executor kubernetes");
  }
  for (const name of ["model", "endpointType", "apiKey"] as const) {
    const flag = { model: "--model", endpointType: "--endpoint-type", apiKey: "--api-key" }[name];
    if (given(name)) throw flagsExclude(cluster, flag, "the deployment is the scenario's own");
  }
}
