import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The request that a profiling run works for, as its Job is told. */
export interface RequestReference {
  name: string;
  namespace: string | undefined;
  uid: string | undefined;
}

export function requestOf(environment: Environment): RequestReference | null {
  const { DGDR_NAME, DGDR_NAMESPACE, DGDR_UID } = environment;
  if (!DGDR_NAME) return null;
  return { name: DGDR_NAME, namespace: DGDR_NAMESPACE || undefined, uid: DGDR_UID || undefined };
}

/**
 * The same for a run and for another that goes on where it was cut off, and for no others: those of one request, or those of one output
 * folder on one machine. Pods of a Job count as one machine, whatever they end on.
 */
export function runKey(environment: Environment, outputDir: string, host = hostname()): string {
  const request = requestOf(environment);
  const isPod = Boolean(environment.KUBERNETES_SERVICE_HOST);
  const parts =
    request === null
      ? ["folder", isPod ? host.replace(/-[a-z0-9]{5}$/, "") : host, resolve(outputDir)]
      : ["request", request.uid ?? `${request.namespace ?? ""}/${request.name}`];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/** Whether this process is in the cluster that it deploys to. */
export function isInCluster(environment: Environment, kubeconfig: string | undefined): boolean {
  return Boolean(environment.KUBERNETES_SERVICE_HOST) && !kubeconfig && !environment.KUBECONFIG;
}
