import { type Command, Option } from "commander";
import { UserError } from "#common";
import { filledTemplate, type ProfilingCluster, type ProfilingRequest } from "#src/profiler";

export interface ClusterFlags {
  deployTo: "local" | "kubernetes";
  kubeconfig?: string;
  kubeContext?: string;
  endpointUrlTemplate?: string;
}

/** Where candidates run that are measured. */
export function withClusterFlags(command: Command): Command {
  return command
    .optionsGroup("Candidates:")
    .addOption(
      new Option("--deploy-to <where>", "thorough: candidates are local mockers, or deployments of a cluster")
        .choices(["local", "kubernetes"])
        .default("local"),
    )
    .option("--kubeconfig <file>", "default: $KUBECONFIG, ~/.kube/config, the pod's own account")
    .option("--kube-context <name>", "context of the kubeconfig")
    .option(
      "--endpoint-url-template <url>",
      "where a candidate answers: {name}, {namespace}, {port} (default: its service in a cluster, its frontend's pod outside)",
    );
}

/** Null: local mockers. @throws UserError where flags contradict each other */
export function profilingCluster(flags: ClusterFlags): ProfilingCluster | null {
  const { deployTo, kubeconfig, kubeContext, endpointUrlTemplate } = flags;
  if (deployTo === "local") {
    const idle = Object.entries({
      kubeconfig,
      "kube-context": kubeContext,
      "endpoint-url-template": endpointUrlTemplate,
    });
    const given = idle.find(([, value]) => value !== undefined);
    if (given === undefined) return null;
    throw new UserError({
      code: "CLI_PROFILE_NO_CLUSTER",
      where: `--${given[0]}`,
      message: "it says something of a cluster, and candidates are local mockers",
      hint: "give --deploy-to kubernetes, too",
    });
  }
  if (endpointUrlTemplate !== undefined) {
    filledTemplate(endpointUrlTemplate, { name: "name", namespace: "namespace", port: 8000 });
  }
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(kubeContext === undefined ? {} : { context: kubeContext }),
    ...(endpointUrlTemplate === undefined ? {} : { endpointUrlTemplate }),
    environment: process.env,
  };
}

/** A cluster was named, and nothing is going to be deployed to it: why. A request's Job names it whatever the request says. */
export function idleCluster({ strategy, sweep }: ProfilingRequest): string | null {
  if (process.env.DGDR_NAME || sweep.dryRun || strategy === "thorough" || sweep.interpolation === "thorough")
    return null;
  return "note: --deploy-to kubernetes has no effect: the search is rapid, which estimates; --strategy thorough measures\n";
}
