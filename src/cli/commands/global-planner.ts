import { Command, InvalidArgumentError, Option } from "commander";
import type { GlobalPlannerFlags } from "../global-planner/assemble.ts";
import { toldToEnd } from "../told-to-end.ts";
import { wholeNumber } from "../values.ts";

/** `understudy global-planner`: one process for the deployments of several planners, under one GPU budget. */
export function globalPlannerCommand(): Command {
  return new Command("global-planner")
    .description(
      "take the scale requests of several planners and grant what fits one GPU budget of all their deployments",
    )
    .option("--managed-namespaces <namespace...>", "Dynamo namespaces whose planners may ask; without it, all")
    .addOption(
      new Option("--environment <name>", "what deployments run on; none: what was granted counts as carried out")
        .choices(["kubernetes", "virtual", "none"])
        .default("kubernetes"),
    )
    .option("--no-operation", "judge and log requests, and change nothing")
    .addOption(
      new Option("--max-total-gpus <n>", "GPUs of all deployments at most; -1: no ceiling")
        .argParser(limit("--max-total-gpus"))
        .default(null, "-1"),
    )
    .addOption(
      new Option("--min-total-gpus <n>", "GPUs of all deployments at least; -1: no floor")
        .argParser(limit("--min-total-gpus"))
        .default(null, "-1"),
    )
    .option("--intent-cache-ttl-seconds <s>", "how long a wish counts after it was last made", seconds, 360)
    .option("--strict-band", "deny also what brings a total outside of the budget nearer to it, as Dynamo does")
    .option(
      "--prefill-engine-num-gpu <n>",
      "GPUs of a prefill worker where nobody says",
      gpus("--prefill-engine-num-gpu"),
    )
    .option("--decode-engine-num-gpu <n>", "GPUs of a decode worker where nobody says", gpus("--decode-engine-num-gpu"))
    .option(
      "--virtual-store <address>",
      "where decisions are written: etcd:URL, file:FOLDER or the URL of a store; default: $ETCD_ENDPOINTS, else etcd:http://127.0.0.1:2379",
    )
    .addOption(
      new Option(
        "--kubernetes-namespace <name>",
        "namespace whose deployments count; default: the pod's or the kubeconfig's",
      ).env("POD_NAMESPACE"),
    )
    .option("--kubeconfig <file>", "default: $KUBECONFIG, ~/.kube/config, the pod's own account")
    .option("--kube-context <name>", "context of the kubeconfig")
    .option("--no-leader-election", "act without asking whether another global planner does")
    .option("--identity <name>", "name of this one among several; default: host and process")
    .option("--state-dir <folder>", "keep wishes there, so that they outlive the process")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <n>", "port to listen on; 0: any free one", wholeNumber("--port"), 9087)
    .option(
      "--name <name>",
      "further name that planners call it by, such as that of its Service; may be repeated",
      add,
      [],
    )
    .option(
      "--api-token-file <file>",
      "bearer tokens that are taken, one a line; also $UNDERSTUDY_GLOBAL_PLANNER_TOKEN",
    )
    .option("--json", "write each decision to stdout as a line of JSON, with all that it came from")
    .addHelpText(
      "after",
      `
Planners ask it with --environment global-planner --global-planner-url http://HOST:PORT. docs/global-planner.md has its API.

Examples:
  $ understudy global-planner --max-total-gpus 16
  $ understudy global-planner --managed-namespaces llm-chat llm-code --min-total-gpus 16 --max-total-gpus 16 --state-dir /var/lib/global-planner
  $ understudy global-planner --environment virtual --virtual-store file:./planner-state --max-total-gpus 8 --json
  $ understudy global-planner --max-total-gpus 16 --no-operation`,
    )
    .action(async (flags: GlobalPlannerFlags) => {
      const { assembleGlobalPlanner } = await import("../global-planner/assemble.ts");
      const planner = await assembleGlobalPlanner(flags, process.env);
      const url = await planner.start();
      process.stderr.write(`global planner listens on ${url}\n`);
      if (flags.json) process.stdout.write(`${JSON.stringify({ kind: "listening", url })}\n`);
      await toldToEnd();
      await planner.stop();
    });
}

/** −1 is how Dynamo writes that there is none. */
function limit(flag: string): (text: string) => number | null {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < -1) {
      throw new InvalidArgumentError(`${flag} takes a whole number of GPUs, or -1 for no limit.`);
    }
    return value === -1 ? null : value;
  };
}

function add(value: string, values: string[]): string[] {
  return [...values, value];
}

function gpus(flag: string): (text: string) => number {
  return wholeNumber(flag, 1);
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("--intent-cache-ttl-seconds takes seconds above 0.");
}
