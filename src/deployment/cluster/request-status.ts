import type { LocalDeployment } from "#planner/connectors";
import { type ApiObject, type Condition, conditionsOf, type ResourceVersionName, withConditions } from "./objects.ts";
import { type RequestFacts, type RequestStage, type StageStep, wordOf } from "./request-stages.ts";

export interface StatusParts {
  request: ApiObject;
  version: ResourceVersionName;
  step: StageStep;
  facts: RequestFacts;
  /** Name of the Job that stands for the run. */
  job: string;
  /** Of the deployment where it runs here. */
  running: LocalDeployment | null;
  /** RFC 3339. */
  now: string;
}

/** Where the profiler's results are kept, as the operator's sidecar names it. */
export function resultsName(request: string): string {
  return `dgdr-output-${request}`;
}

/** The status of a request after a step. */
export function requestStatus(parts: StatusParts): Record<string, unknown> {
  const { request, version, step, now } = parts;
  const generation = request.metadata.generation ?? 1;
  const set = step.conditions.map((condition) => ({ ...condition, observedGeneration: generation }));
  const conditions = withConditions(conditionsOf(request), set, now);
  const observed = (request.status as { observedGeneration?: number } | undefined)?.observedGeneration;
  const base = {
    // Changes are looked at until profiling begins, and refused afterwards.
    observedGeneration: step.stage === "pending" || observed === undefined ? generation : observed,
  };
  return version === "v1alpha1" ? alphaStatus(parts, conditions, base) : betaStatus(parts, conditions, base);
}

function alphaStatus({ request, step, facts }: StatusParts, conditions: Condition[], base: object) {
  const { backend } = request.spec as { backend?: string };
  const { namespace, name } = request.metadata;
  const graph = facts.run?.state === "succeeded" ? facts.run.graph : null;
  return {
    ...base,
    state: wordOf(step.stage, "v1alpha1"),
    conditions,
    ...(backend === undefined ? {} : { backend }),
    ...(graph === null ? {} : { generatedDeployment: graph, profilingResults: `configmap/${resultsName(name)}` }),
    ...(facts.graphName === null || !isDeploying(step.stage)
      ? {}
      : {
          deployment: {
            name: facts.graphName,
            namespace,
            state: facts.graphState ?? "initializing",
            created: step.action === "create-graph" || facts.graphState !== null || step.stage === "deleted",
          },
        }),
  };
}

function betaStatus({ step, facts, job, running, now }: StatusParts, conditions: Condition[], base: object) {
  const phase = wordOf(step.stage, "v1beta1");
  const succeeded = succeededCondition(step, conditions);
  const workers = running?.components.filter(
    ({ role }) => role === "prefill" || role === "decode" || role === "worker",
  );
  const total = (of: "replicas" | "availableReplicas") => workers?.reduce((sum, worker) => sum + worker[of], 0) ?? 0;
  return {
    ...base,
    phase,
    conditions: withConditions(conditions, [succeeded], now),
    ...(step.stage === "profiling" ? { profilingJobName: job } : {}),
    ...(facts.run?.state === "running" ? { profilingPhase: facts.run.phase } : {}),
    ...(facts.run?.state === "succeeded" ? { profilingPhase: "Done" } : {}),
    ...(facts.graphName === null || !isDeploying(step.stage) ? {} : { dgdName: facts.graphName }),
    ...(running === null
      ? {}
      : { deploymentInfo: { replicas: total("replicas"), availableReplicas: total("availableReplicas") } }),
  };
}

function isDeploying(stage: RequestStage): boolean {
  return stage === "deploying" || stage === "deployed" || stage === "deleted";
}

/** The condition that sums up a request of v1beta1. */
function succeededCondition(
  { stage }: StageStep,
  conditions: readonly Condition[],
): Omit<Condition, "lastTransitionTime"> {
  const said = (isTrue: boolean, reason: string, message: string) => ({
    type: "Succeeded",
    status: isTrue ? ("True" as const) : ("False" as const),
    reason,
    message,
  });
  switch (stage) {
    case "new":
    case "pending":
      return said(false, "Pending", "Waiting for profiling to start");
    case "profiling":
      return said(false, "Profiling", "Profiling is in progress");
    case "generated":
      return said(true, "SpecGenerated", "Profiling complete, spec available");
    case "deploying":
      return said(false, "Deploying", "Waiting for the deployment to be ready");
    case "deployed":
      return said(true, "Deployed", "Deployment is healthy");
    default:
      return said(false, "Failed", failureMessage(conditions));
  }
}

const FAILED_PARTS: readonly [type: string, prefix: string][] = [
  ["Validation", "Validation failed: "],
  ["Profiling", "Profiling failed: "],
  ["SpecGenerated", "Spec generation failed: "],
  ["DeploymentReady", "Deployment failed: "],
];

function failureMessage(conditions: readonly Condition[]): string {
  for (const [type, prefix] of FAILED_PARTS) {
    const found = conditions.find((condition) => condition.type === type);
    if (found?.status === "False") return `${prefix}${found.message}`;
  }
  return "The request failed";
}
