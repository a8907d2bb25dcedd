import { KubernetesClient } from "#planner/connectors";
import { SHARD_ACCOUNT } from "#src/deployment";
import { type Executor, loadKubernetesExecutor } from "#src/executor";
import type { ExecutorFlags } from "./flags.ts";

/** An API server that restarts is waited for. */
const OUTAGE_MS = 120_000;

/**
 * Hands `use` an executor whose shards are pods.
 * @throws UserError where no cluster can be found
 */
export async function withPods<Result>(
  flags: ExecutorFlags & { quiet?: true; readySeconds: number; deadlineSeconds: number },
  use: (executor: Executor) => Promise<Result>,
): Promise<Result> {
  const { KubernetesExecutor } = await loadKubernetesExecutor();
  const client = await KubernetesClient.open({
    retry: { deadlineMs: OUTAGE_MS },
    ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }),
    ...(flags.kubeContext === undefined ? {} : { context: flags.kubeContext }),
    ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
  });
  try {
    return await use(
      new KubernetesExecutor({
        client,
        image: flags.image!,
        serviceAccount: flags.serviceAccount ?? SHARD_ACCOUNT,
        readySeconds: flags.readySeconds,
        deadlineSeconds: flags.deadlineSeconds,
        keep: flags.keep ?? false,
        onJob: (name) => {
          if (!flags.quiet) process.stderr.write(`Job ${client.namespace}/${name}\n`);
        },
      }),
    );
  } finally {
    await client.close();
  }
}
