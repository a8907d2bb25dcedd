import { type KubernetesClient, orNull } from "#planner/connectors";
import { type ApiObject, corePath } from "./objects.ts";

export interface Reference {
  kind: "ConfigMap" | "Secret";
  name: string;
}

/** Fields of a pod that name a ConfigMap or a Secret, wherever they stand. */
const FIELDS: Readonly<Record<string, { kind: Reference["kind"]; key: string | null }>> = {
  configMap: { kind: "ConfigMap", key: "name" },
  configMapRef: { kind: "ConfigMap", key: "name" },
  configMapKeyRef: { kind: "ConfigMap", key: "name" },
  secret: { kind: "Secret", key: "secretName" },
  secretRef: { kind: "Secret", key: "name" },
  secretKeyRef: { kind: "Secret", key: "name" },
  // v1alpha1: a secret whose keys all become environment.
  envFromSecret: { kind: "Secret", key: null },
};

/** ConfigMaps and Secrets that a manifest refers to, each once. */
export function referencesIn(value: unknown): Reference[] {
  const found = new Map<string, Reference>();
  collect(value, found);
  return [...found.values()];
}

function collect(value: unknown, found: Map<string, Reference>): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [field, inner] of Object.entries(value)) {
    const meaning = Object.hasOwn(FIELDS, field) ? FIELDS[field]! : null;
    const name = meaning === null ? null : meaning.key === null ? inner : named(inner, meaning.key);
    if (typeof name === "string") found.set(`${meaning!.kind}/${name}`, { kind: meaning!.kind, name });
    else collect(inner, found);
  }
}

function named(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** Those that there are. @throws ApiFailure, ApiUnavailable */
export async function readReferences(
  client: KubernetesClient,
  namespace: string,
  references: readonly Reference[],
): Promise<ApiObject[]> {
  const found = await Promise.all(
    references.map(async ({ kind, name }) => {
      const path = corePath(namespace, kind === "ConfigMap" ? "configmaps" : "secrets", name);
      const object = await orNull(client.request<ApiObject>({ path }));
      return object === null ? null : { ...object, apiVersion: "v1", kind };
    }),
  );
  return found.filter((object) => object !== null);
}
