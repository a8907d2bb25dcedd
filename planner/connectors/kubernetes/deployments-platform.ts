import type { Role } from "#planner/core";
import { type RoleQuestion, resolveRoles } from "../roles.ts";
import type { DeploymentState, RoleState } from "../types.ts";
import { type CallOptions, FIELD_MANAGER, type KubernetesClient } from "./client.ts";
import { argumentsOf, type Container, containerGpus, gpusOf, mainContainer } from "./containers.ts";
import { noDeployments } from "./errors.ts";
import { DYNAMO_LABELS } from "./labels.ts";
import { leaseRights, type Right, type RightsOptions } from "./rights.ts";
import type { KubernetesPlatform, Part, View } from "./view.ts";

/** An apps/v1 Deployment as far as it concerns a planner; everything may be missing. */
interface DeploymentObject {
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    generation?: number;
    resourceVersion?: string;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
  };
  spec?: { replicas?: number; template?: { spec?: { containers?: Container[] } } };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    conditions?: { type?: string; status?: string; reason?: string; message?: string }[];
  };
}

/** A Deployment that plays a role. */
interface Worker {
  role: Role;
  object: DeploymentObject;
  gpus: number | null;
}

/** Workers that are Deployments of one namespace with certain labels: a cluster without Dynamo's operator. */
export class DeploymentsPlatform implements KubernetesPlatform {
  readonly #client: KubernetesClient;
  readonly #name: string;
  readonly #selector: string;

  /** @param selector of labels; default: Dynamo's of the deployment's name */
  constructor(client: KubernetesClient, { name, selector }: { name: string; selector?: string }) {
    this.#client = client;
    this.#name = name;
    this.#selector = selector ?? `${DYNAMO_LABELS.graph}=${name}`;
  }

  get place(): string {
    return `${this.#client.namespace}: ${this.#selector}`;
  }

  rights({ readOnly, leaderElection }: RightsOptions): Right[] {
    const rights: Right[] = [{ verb: "list", group: "apps", resource: "deployments" }];
    if (leaderElection) rights.push(...leaseRights(this.#name));
    if (!readOnly) rights.push({ verb: "patch", group: "apps", resource: "deployments", subresource: "scale" });
    return rights;
  }

  async view(question: RoleQuestion, call: CallOptions): Promise<View> {
    const found = await this.#client.request<{
      metadata?: { resourceVersion?: string };
      items?: DeploymentObject[];
    }>({ path: this.#path(), query: { labelSelector: this.#selector }, ...call });
    const objects = found.items ?? [];
    if (objects.length === 0) throw noDeployments(this.#client.namespace, this.#selector);
    const { components, model, problems } = resolveRoles(objects.map(componentOf), question);
    const workers = question.roles.flatMap((role): Worker[] => {
      const component = components[role];
      if (component === undefined) return [];
      return [{ role, object: component.object, gpus: gpusOf(containerGpus(component.container), 1) }];
    });
    const reasons = workers.flatMap(({ object }) => whyNotReady(object) ?? []);
    const notReadyReason = reasons.length === 0 ? null : reasons.join("; ");
    return {
      ready: notReadyReason === null,
      notReadyReason,
      parts: workers.map((worker) => this.#partOf(worker)),
      model,
      problems,
      resourceVersion: found.metadata?.resourceVersion ?? "",
      together: null,
      state: async () => stateOf(workers, notReadyReason, model),
    };
  }

  changed(resourceVersion: string, signal: AbortSignal): Promise<void> {
    return this.#client.changed(this.#path(), { labelSelector: this.#selector, resourceVersion }, signal);
  }

  #partOf({ role, object: { metadata, spec }, gpus }: Worker): Part {
    const { name, uid = null, resourceVersion } = metadata;
    const { namespace } = this.#client;
    return {
      role,
      name,
      desired: spec?.replicas ?? 1,
      gpus,
      minAvailable: null,
      scale: async (replicas, call) => {
        await this.#client.request({
          method: "PATCH",
          path: `${this.#path()}/${name}/scale`,
          query: { fieldManager: FIELD_MANAGER },
          contentType: "application/merge-patch+json",
          body: { metadata: { resourceVersion }, spec: { replicas } },
          ...call,
        });
      },
      lacksAdapter: false,
      subject: { apiVersion: "apps/v1", kind: "Deployment", name, namespace, uid },
    };
  }

  #path(): string {
    return `/apis/apps/v1/namespaces/${this.#client.namespace}/deployments`;
  }
}

function componentOf(object: DeploymentObject) {
  const { name, labels = {} } = object.metadata;
  const container = mainContainer(object.spec?.template?.spec?.containers);
  const type = labels[DYNAMO_LABELS.subType] || labels[DYNAMO_LABELS.type] || null;
  return {
    name: labels[DYNAMO_LABELS.component] || name,
    type,
    isUntyped: !labels[DYNAMO_LABELS.subType],
    args: argumentsOf(container),
    container,
    object,
  };
}

/** Null where it takes changes. */
function whyNotReady({ metadata, spec, status }: DeploymentObject): string | null {
  const { name, generation = 0, deletionTimestamp } = metadata;
  if (deletionTimestamp !== undefined) return `${name} is being deleted`;
  if ((status?.observedGeneration ?? 0) < generation) return `${name}: its status is older than its spec`;
  const available = status?.conditions?.find(({ type }) => type === "Available");
  if (available?.status !== "True") {
    const said = [available?.reason, available?.message].filter(Boolean).join(": ");
    return `${name} is not available${said === "" ? "" : ` (${said})`}`;
  }
  const replicas = spec?.replicas ?? 1;
  const updated = status?.updatedReplicas ?? 0;
  return updated < replicas
    ? `${name} is being rolled over: ${updated} of ${replicas} replicas are of its newest`
    : null;
}

/** Null where the controller has not told of a Deployment yet. */
function stateOf(
  workers: readonly Worker[],
  notReadyReason: string | null,
  model: string | null,
): DeploymentState | null {
  const roles: Partial<Record<Role, RoleState>> = {};
  for (const { role, object, gpus } of workers) {
    const { metadata, spec, status } = object;
    if (status?.observedGeneration === undefined) return null;
    const desired = spec?.replicas ?? 1;
    // What is 0 is left out of a status.
    const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
    const isCurrent = status.observedGeneration >= (metadata.generation ?? 0);
    const counts = [replicas, updatedReplicas, availableReplicas];
    roles[role] = {
      role,
      component: metadata.name,
      desired,
      ready: availableReplicas,
      stable: isCurrent && counts.every((count) => count === desired),
      gpusPerReplica: gpus,
    };
  }
  return { ready: notReadyReason === null, notReadyReason, roles, model };
}
