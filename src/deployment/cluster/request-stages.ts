import type { EventText } from "#planner/connectors";
import type { RunFacts } from "../requests/types.ts";
import { type ApiObject, type Condition, conditionsOf, type ResourceVersionName } from "./objects.ts";

/**
 * Where a DynamoGraphDeploymentRequest is. Versions name the stages differently: `generated` and `deployed` are both Ready in v1alpha1;
 * v1beta1 has no word for `deleted`, which fails there.
 */
export type RequestStage =
  | "new"
  | "pending"
  | "profiling"
  | "generated"
  | "deploying"
  | "deployed"
  | "deleted"
  | "failed";

export interface RequestFacts {
  /** Why it can't be taken; null where it can. */
  problem: string | null;
  /** Null: no run has begun. */
  run: RunFacts | null;
  /** State of the deployment that was made for it; null where none is there. */
  graphState: "initializing" | "pending" | "successful" | "failed" | null;
  /** Name that the deployment has or will have; null before it is generated. */
  graphName: string | null;
  /** Whether profiling asks the estimator rather than engines. */
  isEstimated: boolean;
}

export interface StageStep {
  stage: RequestStage;
  /** Conditions to set; others stay. */
  conditions: Omit<Condition, "lastTransitionTime">[];
  events: EventText[];
  /** What is to be done before the new stage is written. */
  action: "start-run" | "create-graph" | null;
}

const ALPHA_STAGES: Readonly<Record<string, RequestStage>> = {
  "": "new",
  Initializing: "new",
  Pending: "pending",
  Profiling: "profiling",
  Deploying: "deploying",
  DeploymentDeleted: "deleted",
  Failed: "failed",
};

const BETA_STAGES: Readonly<Record<string, RequestStage>> = {
  "": "new",
  Pending: "pending",
  Profiling: "profiling",
  Ready: "generated",
  Deploying: "deploying",
  Deployed: "deployed",
  Failed: "failed",
};

/** The stage that its status tells of. */
export function stageOf(request: ApiObject, version: ResourceVersionName): RequestStage {
  const { state = "", phase = "" } = (request.status ?? {}) as { state?: string; phase?: string };
  if (version === "v1beta1") return conditionsOf(request).length === 0 ? "new" : (BETA_STAGES[phase] ?? "new");
  if (state === "Ready") return isAutoApplied(request, version) ? "deployed" : "generated";
  return ALPHA_STAGES[state] ?? "new";
}

/** Absent means no in v1alpha1 and yes in v1beta1. */
export function isAutoApplied(request: ApiObject, version: ResourceVersionName): boolean {
  return (request.spec?.autoApply as boolean | undefined) ?? version === "v1beta1";
}

const normal = (reason: string, note: string): EventText => ({ type: "Normal", reason, note });
const warning = (reason: string, note: string): EventText => ({ type: "Warning", reason, note });
const condition = (type: string, isTrue: boolean, reason: string, message: string) => ({
  type,
  status: isTrue ? ("True" as const) : ("False" as const),
  reason,
  message,
});

/** The next step of a request, in the words of Dynamo's operator; null where there is nothing to do. */
export function nextStep(stage: RequestStage, facts: RequestFacts, autoApply: boolean): StageStep | null {
  switch (stage) {
    case "new":
      return facts.problem === null ? accepted() : refused(facts.problem);
    case "pending":
      return started(facts.isEstimated);
    case "profiling":
      return profiled(facts.run, autoApply);
    case "deploying":
      return deployed(facts);
    case "deployed":
      return checked(facts);
    default:
      return null;
  }
}

function accepted(): StageStep {
  return {
    stage: "pending",
    conditions: [condition("Validation", true, "ValidationPassed", "DGDR spec is valid")],
    events: [normal("Initialized", "DGDR initialized successfully")],
    action: null,
  };
}

function refused(problem: string): StageStep {
  return {
    stage: "failed",
    conditions: [condition("Validation", false, "ValidationFailed", problem)],
    events: [warning("ValidationFailed", problem)],
    action: null,
  };
}

function started(isEstimated: boolean): StageStep {
  const made = isEstimated ? "AIC profiling job created" : "Profiling job created";
  return {
    stage: "profiling",
    conditions: [condition("Profiling", false, "ProfilingRunning", "Profiling is in progress")],
    events: [normal("ProfilingJobCreated", made)],
    action: "start-run",
  };
}

function profiled(run: RunFacts | null, autoApply: boolean): StageStep | null {
  // Nobody runs it: whoever did is gone, and it begins anew.
  if (run === null) return { stage: "profiling", conditions: [], events: [], action: "start-run" };
  if (run.state === "running") return null;
  if (run.state === "failed") {
    return {
      stage: "failed",
      conditions: [condition("Profiling", false, "ProfilingFailed", run.message)],
      events: [warning("ProfilingJobFailed", run.message)],
      action: null,
    };
  }
  const available = "Generated spec is available in status.generatedDeployment";
  return {
    stage: autoApply ? "deploying" : "generated",
    conditions: [
      condition("Profiling", true, "ProfilingCompleted", "Profiling job completed successfully"),
      condition("SpecGenerated", true, "SpecGenerated", "DynamoGraphDeployment spec generated successfully"),
    ],
    events: [normal("SpecGenerated", available)],
    action: null,
  };
}

function deployed({ graphState, graphName }: RequestFacts): StageStep | null {
  if (graphState === null) {
    const note = `DGD ${graphName} created, waiting for Ready`;
    return {
      stage: "deploying",
      conditions: [condition("DeploymentReady", false, "DeploymentCreated", note)],
      events: [normal("DeploymentCreated", note)],
      action: "create-graph",
    };
  }
  // The operator of 0.6 and 0.8 waited for "Ready", which no deployment says; "successful" is what it meant.
  if (graphState !== "successful") return null;
  const note = `DynamoGraphDeployment ${graphName} is ready`;
  return {
    stage: "deployed",
    conditions: [condition("DeploymentReady", true, "DeploymentReady", note)],
    events: [normal("DeploymentReady", note)],
    action: null,
  };
}

function checked({ graphState, graphName }: RequestFacts): StageStep | null {
  if (graphState === null) return deleted(graphName);
  if (graphState === "successful") return null;
  const note = `Deployment degraded to ${graphState}`;
  return {
    stage: "deploying",
    conditions: [condition("DeploymentReady", false, "DeploymentDegraded", note)],
    events: [warning("DeploymentDegraded", note)],
    action: null,
  };
}

/** Also while it deploys, where its deployment had been made before. */
export function deleted(graphName: string | null): StageStep {
  const note = `DGD ${graphName} was deleted. DGDR will not recreate it. Delete this DGDR and create a new one to redeploy.`;
  return {
    stage: "deleted",
    conditions: [condition("DeploymentReady", false, "DeploymentDeleted", note)],
    events: [warning("DeploymentDeleted", note)],
    action: null,
  };
}

/** What someone hears who changes a request that is under way; null where it may still change, or has not. */
export function rejectedChange(request: ApiObject, version: ResourceVersionName): EventText | null {
  const stage = stageOf(request, version);
  if (stage === "new" || stage === "pending" || stage === "failed") return null;
  const observed = (request.status as { observedGeneration?: number }).observedGeneration;
  if (observed === undefined || observed === request.metadata.generation) return null;
  return warning(
    "SpecChangeRejected",
    `Cannot modify spec in state '${wordOf(stage, version)}'. DynamoGraphDeploymentRequest is immutable once profiling starts. Create a new resource with a different name instead.`,
  );
}

const ALPHA_WORDS: Readonly<Record<RequestStage, string>> = {
  new: "Initializing",
  pending: "Pending",
  profiling: "Profiling",
  generated: "Ready",
  deploying: "Deploying",
  deployed: "Ready",
  deleted: "DeploymentDeleted",
  failed: "Failed",
};

const BETA_WORDS: Readonly<Record<RequestStage, string>> = {
  ...ALPHA_WORDS,
  new: "Pending",
  deployed: "Deployed",
  deleted: "Failed",
};

/** The version's own word for a stage. */
export function wordOf(stage: RequestStage, version: ResourceVersionName): string {
  return (version === "v1alpha1" ? ALPHA_WORDS : BETA_WORDS)[stage];
}
