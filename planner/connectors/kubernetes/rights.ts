import type { CallOptions, KubernetesClient } from "./client.ts";
import { ApiFailure } from "./failure.ts";

/** Something that an account may be allowed to do in the client's namespace. */
export interface Right {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  /** Of the one object that it is about; a Role may grant it for that alone. */
  name?: string;
}

export interface RightsOptions {
  /** Nothing will be changed. */
  readOnly: boolean;
  leaderElection: boolean;
}

/** Name of the Lease by which global planners agree. */
export const GLOBAL_PLANNER_LEASE = "understudy-global-planner";

/** Name of the Lease by which planners of a deployment agree. */
export function plannerLease(graphDeploymentName: string): string {
  return `${graphDeploymentName}-planner`;
}

/** To the lead among several planners of a deployment. */
export function leaseRights(graphDeploymentName: string): Right[] {
  const leases = { group: "coordination.k8s.io", resource: "leases" };
  const named = ["get", "update"].map((verb) => ({ verb, ...leases, name: plannerLease(graphDeploymentName) }));
  // What does not exist yet has no name to be granted by.
  return [{ verb: "create", ...leases }, ...named];
}

export function describeRight({ verb, group, resource, subresource }: Right): string {
  return `${verb} ${resource}${group === "" ? "" : `.${group}`}${subresource === undefined ? "" : `/${subresource}`}`;
}

/** Of the rights, those that the account lacks; empty where that can't be asked. */
export async function lackingRights(
  client: KubernetesClient,
  rights: readonly Right[],
  options: CallOptions = {},
): Promise<Right[]> {
  const answers = await Promise.all(rights.map((right) => mayI(client, right, options)));
  return rights.filter((_, index) => !answers[index]);
}

async function mayI(client: KubernetesClient, right: Right, options: CallOptions): Promise<boolean> {
  try {
    const answer = await client.request<{ status?: { allowed?: boolean } }>({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: { namespace: client.namespace, ...right } },
      },
      ...options,
    });
    return answer.status?.allowed !== false;
  } catch (error) {
    if (error instanceof ApiFailure) return true;
    throw error;
  }
}
