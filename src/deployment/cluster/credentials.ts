import { join } from "node:path";
import { makeFolder, writeFileAtomically } from "#common";
import { isStatus, type KubernetesClient, type Pace } from "#planner/connectors";
import { accountMissing } from "../errors.ts";
import { plannerRules } from "../manifests/serving/access.ts";
import type { ComponentPlan, DeploymentPlan } from "../plan/types.ts";
import {
  type ApiObject,
  corePath,
  GROUP,
  isOwnedBy,
  MANAGED_BY,
  ownerOf,
  type ResourceVersionName,
} from "./objects.ts";
import type { ClusterWrites } from "./writes.ts";

export interface CredentialsOptions {
  client: KubernetesClient;
  writes: ClusterWrites;
  version: ResourceVersionName;
  namespace: string;
  /** Where kubeconfigs and tokens go. */
  folder: string;
  pace: Pace;
  /** Unix ms. */
  now: () => number;
  log: (line: string) => void;
}

/** Asked for; the server may give less. */
const TOKEN_SECONDS = 3600;
/** Of a token's life, after which a new one is fetched, as kubelets do it. */
const RENEW_AT = 0.8;
const RETRY_MS = 5_000;

/**
 * What a pod's service account is to a process here: a kubeconfig with that account's token, renewed in time. A process can do just what
 * its account may.
 */
export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #stop = new AbortController();
  readonly #kept = new Map<string, { kubeconfig: string; renewing: Promise<void> }>();

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /** The plan with a kubeconfig for each component that speaks with the cluster. @throws ApiFailure, ApiUnavailable */
  async given(plan: DeploymentPlan, graph: ApiObject): Promise<DeploymentPlan> {
    const accounts = accountsOf(graph);
    const isPlanned = plan.components.some(({ name, template }) => template.kind === "planner" && !accounts.has(name));
    const own = isPlanned ? await this.#createPlannerAccount(graph) : null;
    const components = await Promise.all(
      plan.components.map(async (component) => {
        const account = accounts.get(component.name) ?? (component.template.kind === "planner" ? own : null);
        return account === null ? component : this.#give(component, account);
      }),
    );
    return { ...plan, components };
  }

  /** Deletes what was made for the deployment. */
  async removeOwn(graph: ApiObject): Promise<void> {
    const { namespace } = this.#options;
    const name = plannerAccount(graph);
    for (const collection of [rbacPath(namespace, "rolebindings"), rbacPath(namespace, "roles")]) {
      await this.#deleteOwn(graph, `${collection}/${name}`);
    }
    await this.#deleteOwn(graph, corePath(namespace, "serviceaccounts", name));
    this.#kept.delete(name);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#kept.values()].map(({ renewing }) => renewing));
  }

  /** As Dynamo's operator does for planners that name no account, with no more rights than one needs for its deployment. */
  async #createPlannerAccount(graph: ApiObject): Promise<string> {
    const { writes, namespace, version } = this.#options;
    const name = plannerAccount(graph);
    const metadata = {
      name,
      namespace,
      labels: MANAGED_BY,
      ownerReferences: [ownerOf(graph, { apiVersion: `${GROUP}/${version}`, kind: "DynamoGraphDeployment" })],
    };
    const rules = plannerRules(graph.metadata.name, version === "v1beta1" ? "1.0" : "0.8");
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
    const subjects = [{ kind: "ServiceAccount", name, namespace }];
    await writes.create(corePath(namespace, "serviceaccounts"), { metadata });
    await writes.create(rbacPath(namespace, "roles"), { metadata, rules });
    await writes.create(rbacPath(namespace, "rolebindings"), { metadata, roleRef, subjects });
    return name;
  }

  async #deleteOwn(graph: ApiObject, path: string): Promise<void> {
    const { client, writes } = this.#options;
    try {
      const found = await client.request<ApiObject>({ path });
      if (isOwnedBy(found, graph)) await writes.delete(path);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }

  async #give(component: ComponentPlan, account: string): Promise<ComponentPlan> {
    const { template } = component;
    if (template.env.KUBECONFIG !== undefined) return component;
    const kubeconfig = await this.#kubeconfig(account);
    return { ...component, template: { ...template, hostEnv: { KUBECONFIG: kubeconfig } } };
  }

  async #kubeconfig(account: string): Promise<string> {
    const known = this.#kept.get(account);
    if (known !== undefined) return known.kubeconfig;
    const { client, namespace } = this.#options;
    const folder = join(this.#options.folder, namespace, account);
    makeFolder(folder, 0o700);
    const tokenFile = join(folder, "token");
    const kubeconfig = join(folder, "kubeconfig");
    const renewInMs = await this.#fetch(account, tokenFile);
    const context = { cluster: "cluster", user: account, namespace };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "cluster", cluster: client.clusterEntry() }],
      // Named so, the token is read anew as it is renewed (@kubernetes/client-node, as its in-cluster configuration).
      users: [{ name: account, user: { "auth-provider": { name: "tokenFile", config: { tokenFile } } } }],
      contexts: [{ name: "pod", context }],
      "current-context": "pod",
    };
    writeFileAtomically(kubeconfig, JSON.stringify(config), { mode: 0o600 });
    this.#kept.set(account, { kubeconfig, renewing: this.#keepRenewing(account, tokenFile, renewInMs) });
    return kubeconfig;
  }

  async #keepRenewing(account: string, tokenFile: string, firstMs: number): Promise<void> {
    const { pace, log } = this.#options;
    let waitMs = firstMs;
    for (;;) {
      await pace.sleep(waitMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      try {
        waitMs = await this.#fetch(account, tokenFile);
      } catch (error) {
        log(`the token of service account ${account} can't be renewed: ${(error as Error).message}`);
        waitMs = RETRY_MS;
      }
    }
  }

  /** @returns ms until it is to be renewed */
  async #fetch(account: string, tokenFile: string): Promise<number> {
    const { client, namespace, now } = this.#options;
    const { status } = await this.#asked(account, () =>
      client.request<{ status: { token: string; expirationTimestamp: string } }>({
        method: "POST",
        path: `${corePath(namespace, "serviceaccounts", account)}/token`,
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { expirationSeconds: TOKEN_SECONDS },
        },
      }),
    );
    writeFileAtomically(tokenFile, status.token, { mode: 0o600 });
    return Math.max(RETRY_MS, (Date.parse(status.expirationTimestamp) - now()) * RENEW_AT);
  }

  async #asked<Answer>(account: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      throw accountMissing(this.#options.namespace, account);
    }
  }
}

function plannerAccount(graph: ApiObject): string {
  return `${graph.metadata.name}-planner`;
}

function rbacPath(namespace: string, resource: "roles" | "rolebindings"): string {
  return `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/${resource}`;
}

interface GraphSpec {
  services?: Record<string, { extraPodSpec?: { serviceAccountName?: string } }>;
  components?: { name: string; podTemplate?: { spec?: { serviceAccountName?: string } } }[];
}

/** Service account that each component names. */
function accountsOf(graph: ApiObject): Map<string, string> {
  const { services, components } = graph.spec as GraphSpec;
  const named = [
    ...Object.entries(services ?? {}).map(
      ([name, { extraPodSpec }]) => [name, extraPodSpec?.serviceAccountName] as const,
    ),
    ...(components ?? []).map(({ name, podTemplate }) => [name, podTemplate?.spec?.serviceAccountName] as const),
  ];
  return new Map(named.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
