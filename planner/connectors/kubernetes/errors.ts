import { UserError } from "#common";

/** A kubeconfig that names no cluster to be asked. */
export function clusterUnusable(place: string, why: string, cause?: unknown): UserError {
  return new UserError({
    code: "PLANNER_KUBERNETES_NO_CLUSTER",
    where: place,
    message: why,
    hint: "set kubeconfig or $KUBECONFIG, or run the planner in a pod of the cluster",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** All that is wrong with a deployment, in one. */
export function deploymentUnfit(place: string, problems: readonly string[]): UserError {
  return new UserError({
    code: "PLANNER_KUBERNETES_UNFIT_DEPLOYMENT",
    where: place,
    message: `found what can't be planned for: ${problems.join("; ")}`,
    hint: "give one worker component the type prefill and one the type decode (v1alpha1: subComponentType)",
  });
}

/** The deployment is not there. */
export function deploymentMissing(place: string, others: readonly string[], cause: unknown): UserError {
  const known = others.length === 0 ? "the namespace holds none" : `the namespace holds ${others.join(", ")}`;
  return new UserError({
    code: "PLANNER_KUBERNETES_NO_DEPLOYMENT",
    where: place,
    message: `found no such DynamoGraphDeployment; ${known}`,
    hint: "set graph_deployment_name and kubernetes_namespace",
    cause,
  });
}

/** No Deployment has the labels. */
export function noDeployments(namespace: string, selector: string): UserError {
  return new UserError({
    code: "PLANNER_KUBERNETES_NO_DEPLOYMENT",
    where: namespace,
    message: `found no Deployment with the labels ${selector}`,
    hint: "set kubernetes_selector (or graph_deployment_name) and kubernetes_namespace",
  });
}

/** The cluster doesn't know DynamoGraphDeployments. */
export function resourceMissing(server: string): UserError {
  return new UserError({
    code: "PLANNER_KUBERNETES_NO_CRD",
    where: server,
    message: "found no resource dynamographdeployments of nvidia.com in v1beta1 or v1alpha1",
    hint: "install Dynamo's CRDs and operator, or scale Deployments: kubernetes_target: deployments",
  });
}

/** Rights that the planner's account lacks, all of them. */
export function forbidden(place: string, rights: readonly string[], cause?: unknown): UserError {
  return new UserError({
    code: "PLANNER_KUBERNETES_FORBIDDEN",
    where: place,
    message: `the planner's account may not ${rights.join("; not ")}`,
    hint: "bind a Role with these rights to its ServiceAccount (docs/planner-kubernetes.md)",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The API server can't be reached when the planner starts. */
export function apiUnreachable(server: string, cause: Error): UserError {
  return new UserError({
    code: "PLANNER_KUBERNETES_UNREACHABLE",
    where: server,
    message: cause.message,
    hint: "check that the cluster runs and that the kubeconfig is right",
    exitCode: 1,
    cause,
  });
}
