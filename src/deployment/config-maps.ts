import { encodeJsonPair, type Profile } from "#profiles";
import type { KubernetesObject, RenderPlan } from "./types.ts";

/** Where planner and mockers find the profile. */
export const PROFILE_MOUNT = "/workspace/profiling_results";
/** Where the planner of 1.0 finds its settings. */
export const PLANNER_CONFIG_MOUNT = "/workspace/planner_config";
export const PLANNER_CONFIG_FILE = "planner_config.json";
export const PLANNER_CONFIG_PATH = `${PLANNER_CONFIG_MOUNT}/${PLANNER_CONFIG_FILE}`;

/** Fixed in 0.8; told apart by four hex digits in 1.0. */
export function profileDataName(plan: RenderPlan, dialect: string): string {
  return dialect === "1.0" ? `planner-profile-data-${plan.suffix.profileData}` : "planner-profile-data";
}

export function plannerConfigName(plan: Pick<RenderPlan, "suffix">): string {
  return `planner-config-${plan.suffix.plannerConfig}`;
}

/** The profile's samples as the planner reads them from its mount. */
export function profileConfigMap(name: string, namespace: string | undefined, profile: Profile): KubernetesObject {
  return configMap(name, namespace, Object.fromEntries(encodeJsonPair(profile)));
}

export function plannerConfigMap(name: string, namespace: string | undefined, settings: object): KubernetesObject {
  return configMap(name, namespace, { [PLANNER_CONFIG_FILE]: JSON.stringify(settings) });
}

/** Policy classes of a router, for a frontend: where they are mounted, and the file there. */
const ROUTER_POLICIES_MOUNT = "/workspace/router_policies";
const ROUTER_POLICIES_FILE = "router_policies.json";
export const ROUTER_POLICIES = {
  mount: ROUTER_POLICIES_MOUNT,
  path: `${ROUTER_POLICIES_MOUNT}/${ROUTER_POLICIES_FILE}`,
};

export function routerPoliciesConfigMap(name: string, namespace: string, policies: string): KubernetesObject {
  return configMap(name, namespace, { [ROUTER_POLICIES_FILE]: policies });
}

function configMap(name: string, namespace: string | undefined, data: Record<string, string>): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    data,
  };
}
