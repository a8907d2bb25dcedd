import { PROFILE_MOUNT } from "../../config-maps.ts";
import type { Component } from "../../graph/component.ts";
import { readGraph } from "../../graph/graph.ts";
import { ensureList, type JsonObject } from "../../graph/json.ts";
import { renderDeployment } from "../../render.ts";
import type { EnginePlan, KubernetesObject, RenderPlan } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { access, account, frontendRules, plannerRules } from "./access.ts";
import { frontendContainer, GRACE_SECONDS, plannerContainer, workerContainer } from "./containers.ts";
import { podsOf, selectorText, WORKER_TYPES } from "./labels.ts";
import { PORTS, type ServingPlan, servingPlan, type WorkerPool } from "./plan.ts";
import { POD_SECURITY, SCRATCH_VOLUME } from "./pod.ts";

/** Of the two ConfigMaps that come before the deployment, where nothing tells them apart. */
const SUFFIX = { plannerConfig: "0000", profileData: "0000" };

/**
 * A DynamoGraphDeployment of mock workers that replay a profile, with frontend and planner, and all that it needs beside Dynamo's
 * operator: Dynamo's own images throughout, or ours with accounts of their own.
 */
export function mockDeployment(options: ManifestOptions, suffix: RenderPlan["suffix"] = SUFFIX): KubernetesObject[] {
  const plan = servingPlan(options);
  const objects = renderDeployment({
    version: plan.dialect === "1.0" ? "v1beta1" : "v1alpha1",
    dialect: plan.dialect,
    name: plan.name,
    namespace: plan.namespace,
    backend: options.backend,
    model: plan.model,
    mode: plan.mode,
    ...Object.fromEntries(plan.pools.map((pool) => [pool.role === "worker" ? "agg" : pool.role, engineOf(pool)])),
    gpusPerNode: 8,
    image: plan.image,
    planner: {
      dialect: plan.dialect === "1.0" ? "1.0" : "0.8",
      image: plan.image,
      settings: plannerSettings(plan),
      scaling: plan.mode,
    },
    mocker: { flavour: plan.flavour, image: plan.image, speedupRatio: 1 },
    profile: plan.profile,
    suffix,
  });
  if (plan.flavour === "dynamo") return objects;
  const graph = readGraph(objects.at(-1)!);
  for (const component of graph.components()) becomeOurs(component, plan);
  return [
    ...access(options, "frontend", frontendRules("pods")),
    ...access(options, "planner", plannerRules(plan.name, plan.dialect)),
    account(options, "worker"),
    ...objects.slice(0, -1),
    graph.object,
  ];
}

function engineOf({ gpus, replicas }: WorkerPool): EnginePlan {
  return { layout: { tp: gpus, pp: 1, attentionDp: 1, moeTp: 1, moeEp: 1, gpus }, replicas };
}

/** Targets, and what makes the planner keep them. The other settings are its defaults. */
function plannerSettings({ dialect, flavour, ttftMs, itlMs }: ServingPlan): Record<string, unknown> {
  if (dialect !== "1.0") {
    // A flag that is said beats the pod's environment.
    return { ttft: ttftMs, itl: itlMs, ...(flavour === "understudy" ? { prometheus_port: PORTS.metrics } : {}) };
  }
  return {
    environment: "kubernetes",
    optimization_target: "sla",
    ...(flavour === "understudy" ? { strategy: "default" } : {}),
    ttft_ms: ttftMs,
    itl_ms: itlMs,
  };
}

/** Puts our container and its pod's settings in place of what was rendered; mounts stay. */
function becomeOurs(component: Component, plan: ServingPlan): void {
  const container = component.ensureContainer();
  const role = component.role();
  const ours = ourContainer(component, plan);
  for (const key of Object.keys(container)) if (key !== "volumeMounts") delete container[key];
  const { volumeMounts, name, ...fields } = ours;
  Object.assign(container, component.path.startsWith("spec.components") ? { name } : {}, fields);
  ensureList(container, "volumeMounts", component.path).push(...(volumeMounts as JsonObject[]));
  const pod = component.podSpec();
  const accountOf = role === "frontend" || role === "planner" ? role : "worker";
  Object.assign(pod, {
    serviceAccountName: `${plan.name}-${accountOf}`,
    ...(accountOf === "worker" ? { automountServiceAccountToken: false } : {}),
    securityContext: POD_SECURITY,
    terminationGracePeriodSeconds: GRACE_SECONDS,
  });
  ensureList(pod, "volumes", component.path).push(SCRATCH_VOLUME);
}

function ourContainer(component: Component, plan: ServingPlan): JsonObject {
  switch (component.role()) {
    case "frontend": {
      const selector = selectorText(podsOf(plan.name, WORKER_TYPES));
      const where = ["--kube-resource", "pods", "--kube-port", String(PORTS.system), "--kube-selector", selector];
      return frontendContainer(plan, ["--discovery", "kubernetes", ...where]);
    }
    case "planner":
      // Until 0.8 its settings are flags, which our planner takes, too.
      return plan.dialect === "1.0" ? plannerContainer(plan) : plannerContainer(plan, component.args().map(atMount));
    default: {
      const pool = plan.pools.find(({ name }) => name === component.name)!;
      return workerContainer(plan, pool);
    }
  }
}

function atMount(argument: string): string {
  return argument.startsWith("--profile-results-dir=") ? `--profile-results-dir=${PROFILE_MOUNT}` : argument;
}
