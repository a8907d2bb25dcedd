import { didYouMean, UserError } from "#common";

/** The catalogue of what can be wrong with a deployment. Places are JSON paths, after the file where one is known. */

export const notADeployment = (where: string, found: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NOT_A_DGD",
    where,
    message: `found ${found}, expected a DynamoGraphDeployment (apiVersion nvidia.com/v1alpha1 or nvidia.com/v1beta1)`,
  });

export const wrongType = (where: string, expected: string, found: unknown): UserError =>
  new UserError({
    code: "DEPLOYMENT_WRONG_TYPE",
    where,
    message: `found ${shown(found)}, expected ${expected}`,
  });

export const wrongShape = (where: string, found: "services" | "components", version: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_WRONG_VERSION",
    where,
    message: `found "${found}" in a DynamoGraphDeployment of version ${version}`,
    hint:
      found === "services"
        ? 'v1beta1 has a list "components": set apiVersion to nvidia.com/v1alpha1, or rewrite the services'
        : 'v1alpha1 has a map "services": set apiVersion to nvidia.com/v1beta1, or rewrite the components',
  });

export const duplicateComponent = (where: string, name: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_DUPLICATE_COMPONENT",
    where,
    message: `found a second component of the name "${name}" (case does not count)`,
  });

export const noComponent = (where: string, wanted: string, names: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_NO_COMPONENT",
    where,
    message: `found no ${wanted} among the components ${names.join(", ") || "(none)"}`,
    hint: "set subComponentType (v1alpha1) or type (v1beta1) to prefill, decode or worker",
  });

export const ambiguousComponent = (where: string, wanted: string, names: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_AMBIGUOUS_COMPONENT",
    where,
    message: `found several components that could be the ${wanted}: ${names.join(", ")}`,
    hint: "one prefill and one decode component can be profiled; set subComponentType or type",
  });

export const noMainContainer = (where: string, name: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NO_CONTAINER",
    where,
    message: `found no main container in component "${name}"`,
    hint: "v1alpha1 has it at extraPodSpec.mainContainer, v1beta1 as the container named main",
  });

export const unknownOverride = (where: string, name: string, names: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_UNKNOWN_OVERRIDE",
    where,
    message: `found an override of component "${name}", expected one of ${names.join(", ")}`,
    hint: didYouMean(name, names) ?? "a component that is new needs its own main container with an image",
  });

export const invalidName = (where: string, name: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_INVALID_NAME",
    where,
    message: `found the name "${name}", expected lower-case letters, digits and hyphens, at most 63 of them`,
  });

export const nameTooLong = (dgd: string, component: string, limit: number): UserError =>
  new UserError({
    code: "DEPLOYMENT_NAME_TOO_LONG",
    where: "metadata.name",
    message: `found "${dgd}" (${dgd.length}) and component "${component}" (${component.length}), together at most ${limit} characters`,
    hint: "set overrides.dgd.metadata.name to a shorter one",
  });

export const invalidOverrideJson = (where: string, flag: string, found: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_ENGINE_ARGS",
    where,
    message: `found ${flag} ${shown(found)}, expected a JSON object`,
  });

export const incompletePlan = (where: string, expected: string): UserError =>
  new UserError({ code: "DEPLOYMENT_INCOMPLETE_PLAN", where, message: `expected ${expected}` });

export const badEngine = (where: string, found: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_BAD_ENGINE",
    where,
    message: `found ${found}, expected the command line of a vLLM, SGLang or TensorRT-LLM worker`,
  });

export const unsupportedLayout = (backend: string, label: string, reason: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_UNSUPPORTED_LAYOUT",
    message: `${backend} has no flags for ${label}: ${reason}`,
  });

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export const clusterLacksDynamo = (server: string, expected = "nvidia.com/v1beta1 or nvidia.com/v1alpha1"): UserError =>
  new UserError({
    code: "DEPLOYMENT_CLUSTER_LACKS_DYNAMO",
    where: server,
    message: `found no DynamoGraphDeployments in its API, expected ${expected}`,
    hint: "install Dynamo's CustomResourceDefinitions first (the chart dynamo-crds has them); its operator is not needed",
  });

export const accountMissing = (namespace: string, account: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_ACCOUNT_MISSING",
    message: `there is no service account ${account} in ${namespace}: pods of it would not start`,
    hint: "create it, or leave serviceAccountName out",
  });

export const clusterUnreachable = (server: string, error: Error): UserError =>
  new UserError({
    code: "DEPLOYMENT_CLUSTER_UNREACHABLE",
    where: server,
    message: error.message,
    hint: "kubectl with the same kubeconfig shows whether the server answers and what the account may do",
    exitCode: 1,
    cause: error,
  });

export const alreadyThere = (object: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_ALREADY_THERE",
    where: object,
    message: "there is one of this name already",
    hint: "another run may be under way; what one that was killed has left: kubectl delete dgd,configmap,serviceaccount,role,rolebinding -l understudy.dev/rehearsal=NAME",
  });

export const deploymentFailed = (place: string, why: string): UserError =>
  new UserError({ code: "DEPLOYMENT_FAILED", where: place, message: `the deployment has failed: ${why}`, exitCode: 1 });

export const notReadyInTime = (place: string, seconds: number, why: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NOT_READY",
    where: place,
    message: `the deployment was not ready within ${seconds} s${why === "" ? "" : `: ${why}`}`,
    hint: "Dynamo's operator must run there, or understudy up --kubeconfig play it",
    exitCode: 1,
  });

export const namespacePlayed = (node: string, holder: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NAMESPACE_PLAYED",
    where: `node ${node}`,
    message: `another runner plays this namespace: ${holder}`,
    hint: "end that one, or wait 40 s where it is gone; --namespace names another",
  });

export const requestFailed = (where: string, name: string, message: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_REQUEST_FAILED",
    where,
    message: `${name} could not be profiled: ${message}`,
    hint: "understudy profile FILE shows what the profiler does; --dry-run checks a request",
    exitCode: 1,
  });
