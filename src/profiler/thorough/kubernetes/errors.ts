import { UserError } from "#common";

/** The catalogue of what can go wrong between the profiler and a cluster. */

export const clusterRefuses = (what: string, server: string, reason: string, status: number): UserError =>
  new UserError({
    code: "PROFILER_CLUSTER_REFUSES",
    where: server,
    message: `${what}: ${reason}`,
    ...refusalHint(status),
    exitCode: 1,
  });

function refusalHint(status: number): { hint?: string } {
  if (status === 403) return { hint: "`understudy manifests rbac` has the Role that profiling takes" };
  if (status === 404)
    return { hint: "is the namespace there, and Dynamo's operator with its CRDs? --namespace names another" };
  return {};
}

export const endpointUnreachable = (url: string, deployment: string, namespace: string, reason: string): UserError =>
  new UserError({
    code: "PROFILER_ENDPOINT_UNREACHABLE",
    where: url,
    message: `${deployment} is ready, but its frontend can't be reached from here: ${reason}`,
    hint:
      `profile from within the cluster (\`understudy manifests profiling-job\`), or forward its port ` +
      `(kubectl -n ${namespace} port-forward svc/${deployment}-frontend 8000) and give --endpoint-url-template http://127.0.0.1:8000`,
    exitCode: 1,
  });

export const badTemplate = (found: string): UserError =>
  new UserError({
    code: "PROFILER_BAD_URL_TEMPLATE",
    where: "--endpoint-url-template",
    message: `found ${JSON.stringify(found)}, expected an http URL, with {name}, {namespace} and {port} where they belong`,
    hint: "such as http://{name}-frontend.{namespace}.svc.cluster.local:{port}",
  });

/** What a deployment that fails says of itself. */
export const deploymentFailed = (name: string, message: string, log: string): string =>
  `${name} failed${message === "" ? "" : `: ${message}`}${log}`;

export const crashLoop = (pod: string, restarts: number, reason: string): string =>
  `pod ${pod} was restarted ${restarts} times${reason === "" ? "" : ` (${reason})`}`;

export const deletedByOthers = (name: string): string => `${name} was deleted by somebody else`;

/** A pod that can't start, in the cluster's words, and what helps. */
export function podStuck(pod: string, reason: string, message: string): string {
  const remedy = stuckRemedy(reason);
  return `pod ${pod}: ${reason}${message === "" ? "" : `: ${message.trim()}`}${remedy === "" ? "" : ` (${remedy})`}`;
}

function stuckRemedy(reason: string): string {
  if (/Image/.test(reason)) {
    return (
      "the cluster can't pull the image: does it exist, is the pull secret in the namespace, and does the pod's ServiceAccount name it? " +
      "`understudy manifests image-pull-secret` prints one"
    );
  }
  if (reason === "Unschedulable") return "fewer GPUs an engine (--max-num-gpus-per-engine), or more nodes";
  return reason === "CreateContainerConfigError" ? "a Secret or ConfigMap that it names is missing" : "";
}
