import { UserError } from "#common";
import type { DeploymentKey } from "./protocol.ts";

/** The control API knows no deployment of this name. */
export function localDeploymentMissing(
  { namespace, name }: DeploymentKey,
  others: readonly DeploymentKey[],
): UserError {
  const known = others.map((other) => `${other.namespace}/${other.name}`).join(", ");
  return new UserError({
    code: "PLANNER_LOCAL_NO_DEPLOYMENT",
    where: `${namespace}/${name}`,
    message: `found no such deployment here; ${known === "" ? "none runs" : `there are ${known}`}`,
    hint: "set graph_deployment_name and kubernetes_namespace",
  });
}

/** All that is wrong with a deployment, in one. */
export function localDeploymentUnfit({ namespace, name }: DeploymentKey, problems: readonly string[]): UserError {
  return new UserError({
    code: "PLANNER_LOCAL_UNFIT_DEPLOYMENT",
    where: `${namespace}/${name}`,
    message: `found what can't be planned for: ${problems.join("; ")}`,
    hint: "give one worker component the type prefill and one the type decode (v1alpha1: subComponentType)",
  });
}

/** The control API can't be reached when the planner starts. */
export function controlUnreachable(url: string, cause: Error): UserError {
  return new UserError({
    code: "PLANNER_LOCAL_UNREACHABLE",
    where: url,
    message: cause.message,
    hint: "check that understudy up runs there, and control_url",
    exitCode: 1,
    cause,
  });
}

/** The control API takes no requests of this planner. */
export function controlRefuses(url: string, cause: Error & { status: number }): UserError {
  return new UserError({
    code: "PLANNER_LOCAL_REFUSED",
    where: url,
    message: `the control API answers ${cause.status}: ${cause.message}`,
    hint: cause.status === 401 ? "set control_token_file to the token of the runner" : "check control_url",
    cause,
  });
}
