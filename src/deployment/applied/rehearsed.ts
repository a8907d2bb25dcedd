import { createHash } from "node:crypto";
import { PLANNER_CONFIG_FILE, plannerConfigName, ROUTER_POLICIES, routerPoliciesConfigMap } from "../config-maps.ts";
import { readGraph } from "../graph/graph.ts";
import { MANIFEST_DEFAULTS } from "../manifests/options.ts";
import { mockDeployment } from "../manifests/serving/dgd.ts";
import type { KubernetesObject } from "../types.ts";

/** What a rehearsal needs of a deployment of ours beside what a profile says. */
export interface RehearsedParts {
  name: string;
  namespace: string;
  image: string;
  /** Shipped name, or path. */
  profile: string;
  mode: "disagg" | "agg";
  sla: { ttftMs: number; itlMs: number };
  /** Replicas at the start, and flags of `understudy mocker` over those that every worker has. */
  prefill: { replicas: number; args: readonly string[] } | null;
  decode: { replicas: number; args: readonly string[] };
  /** More flags of `understudy frontend`. */
  frontendArgs: readonly string[];
  /** A file of policy classes for its router; null: none. */
  routerPolicies: string | null;
  /** Over the settings that every planner of ours has; null: no planner. */
  plannerSettings: Record<string, unknown> | null;
}

/** On all that is made for one rehearsal: by it the rest can be found and deleted where the run could not. */
const REHEARSAL_LABEL = "understudy.dev/rehearsal";
/** Together with the longest component's name it must not exceed the operator's 45. */
const LONGEST_NAME = 36;

/** A scenario's name as one of a DynamoGraphDeployment (RFC 1123, and short enough for what operators derive from it). */
export function graphName(scenario: string): string {
  const name = scenario.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return name.slice(0, LONGEST_NAME).replace(/^-|-$/g, "");
}

/**
 * A deployment of our mock workers, with frontend, planner, accounts and ConfigMaps, that is what a scenario rehearses. The
 * DynamoGraphDeployment (v1beta1) comes last.
 * @throws UserError for a profile that can't be loaded
 */
export function rehearsedDeployment(parts: RehearsedParts): KubernetesObject[] {
  const { name, namespace, prefill, decode, plannerSettings, routerPolicies } = parts;
  const hex = createHash("sha256").update(name).digest("hex");
  const suffix = { plannerConfig: hex.slice(0, 4), profileData: hex.slice(4, 8) };
  const objects = mockDeployment(
    {
      ...MANIFEST_DEFAULTS,
      dialect: "1.0",
      flavour: "understudy",
      namespace,
      image: parts.image,
      mode: parts.mode,
      ttftMs: parts.sla.ttftMs,
      itlMs: parts.sla.itlMs,
      serving: {
        ...MANIFEST_DEFAULTS.serving,
        name,
        profile: parts.profile,
        prefillReplicas: prefill?.replicas ?? 0,
        decodeReplicas: decode.replicas,
      },
    },
    suffix,
  );
  const graph = readGraph(objects.at(-1)!);
  const policiesName = `${name}-router-policies`;
  for (const component of graph.components()) {
    const role = component.role();
    if (role === "planner" && plannerSettings === null) graph.remove(component.name);
    if (role === "planner") continue;
    const args = role === "frontend" ? parts.frontendArgs : role === "prefill" ? (prefill?.args ?? []) : decode.args;
    component.container().args = [...component.args(), ...args];
    if (role !== "frontend" || routerPolicies === null) continue;
    component.container().args = [...component.args(), "--router-policy-config", ROUTER_POLICIES.path];
    component.mountConfigMap(policiesName, ROUTER_POLICIES.mount);
  }
  const settingsName = plannerConfigName({ suffix });
  const isPlanners = (object: KubernetesObject) =>
    object.metadata?.name === settingsName || object.metadata?.name === `${name}-planner`;
  const policies = routerPolicies === null ? [] : [routerPoliciesConfigMap(policiesName, namespace, routerPolicies)];
  return [...objects.slice(0, -1), ...policies, graph.object]
    .filter((object) => plannerSettings !== null || !isPlanners(object))
    .map((object) => (object.metadata?.name === settingsName ? withSettings(object, plannerSettings!) : object))
    .map((object) => labelled(object, name));
}

function withSettings(object: KubernetesObject, settings: Record<string, unknown>): KubernetesObject {
  const data = object.data as Record<string, string>;
  const given = JSON.parse(data[PLANNER_CONFIG_FILE]!) as Record<string, unknown>;
  return { ...object, data: { ...data, [PLANNER_CONFIG_FILE]: JSON.stringify({ ...given, ...settings }) } };
}

function labelled(object: KubernetesObject, name: string): KubernetesObject {
  const labels = { ...object.metadata?.labels, [REHEARSAL_LABEL]: name };
  return { ...object, metadata: { ...object.metadata, labels } };
}
