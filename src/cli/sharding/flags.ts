import { type Command, Option } from "commander";
import { parseDurationMs } from "#common";
import { type Executor, LocalExecutor } from "#src/executor";
import { flagNeeds } from "../errors.ts";
import { duration, wholeNumber } from "../values.ts";
import { imageNeeded } from "./errors.ts";

/** Where shards run, and how many there are. */
export interface ExecutorFlags {
  executor?: "local" | "kubernetes";
  shards?: number;
  image?: string;
  kubeconfig?: string;
  kubeContext?: string;
  namespace?: string;
  serviceAccount?: string;
  readyTimeout?: string;
  jobDeadline?: string;
  keep?: true;
}

const READY = "5m";
const DEADLINE = "1h";
const OF_KUBERNETES = [
  "image",
  "kubeconfig",
  "kubeContext",
  "namespace",
  "serviceAccount",
  "readyTimeout",
  "jobDeadline",
  "keep",
] as const;

export function withExecutorFlags(command: Command): Command {
  return command
    .optionsGroup("Where it runs:")
    .addOption(
      new Option("--executor <where>", "processes of this machine, or pods of an Indexed Job").choices([
        "local",
        "kubernetes",
      ]),
    )
    .option("--shards <n>", "processes, or pods, that share the work", wholeNumber("--shards", 1))
    .addOption(
      new Option("--image <image>", "kubernetes, or live in a cluster: of understudy, of this version").env(
        "UNDERSTUDY_IMAGE",
      ),
    )
    .option("--kubeconfig <file>", "kubernetes: default $KUBECONFIG, ~/.kube/config, the pod's own account")
    .option("--kube-context <name>", "kubernetes: default the current one")
    .option("--namespace <name>", "kubernetes: default the context's")
    .option("--service-account <name>", "kubernetes: of the pods (default: that of `understudy manifests shard-rbac`)")
    .option(
      "--ready-timeout <duration>",
      `kubernetes: until all generators of a load are there, or a live deployment (default: ${READY})`,
      duration("--ready-timeout"),
    )
    .option(
      "--job-deadline <duration>",
      `kubernetes: of the whole Job (default: ${DEADLINE})`,
      duration("--job-deadline"),
    )
    .option("--keep", "kubernetes: leave the Job and what belongs to it");
}

/** @throws UserError CLI_FLAG_NEEDS */
export function checkExecutorFlags(flags: ExecutorFlags, command: Command): void {
  if (flags.executor === "kubernetes") {
    if (flags.image === undefined) throw imageNeeded();
    return;
  }
  for (const name of OF_KUBERNETES) {
    if (command.getOptionValueSource(name) === "cli") throw flagNeeds(name, "--executor kubernetes");
  }
}

/** @throws UserError where no cluster can be found */
export async function withExecutor<Result>(
  flags: ExecutorFlags & { quiet?: true },
  use: (executor: Executor) => Promise<Result>,
): Promise<Result> {
  if (flags.executor !== "kubernetes") return use(new LocalExecutor());
  const { withPods } = await import("./pods.ts");
  const seconds = (text: string) => Math.max(1, Math.ceil(parseDurationMs(text, "duration") / 1000));
  return withPods(
    {
      ...flags,
      readySeconds: seconds(flags.readyTimeout ?? READY),
      deadlineSeconds: seconds(flags.jobDeadline ?? DEADLINE),
    },
    use,
  );
}
