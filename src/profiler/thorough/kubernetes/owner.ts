import { ApiFailure, type KubernetesClient } from "#planner/connectors";
import type { RequestReference } from "./run-key.ts";

/** As Dynamo's profiler has it: trial deployments go with their request, which does not control them. */
export interface OwnerReference {
  apiVersion: string;
  kind: "DynamoGraphDeploymentRequest";
  name: string;
  uid: string;
  controller: false;
  blockOwnerDeletion: true;
}

/** Null where the request can't own anything in the namespace: it is in another, or its UID can't be had. */
export async function ownerOf(
  client: KubernetesClient,
  request: RequestReference | null,
  apiVersion: string,
  warn: (text: string) => void,
): Promise<OwnerReference | null> {
  if (request === null) return null;
  const { name } = request;
  const namespace = request.namespace ?? client.namespace;
  if (namespace !== client.namespace) {
    warn(
      `request ${namespace}/${name} can't own deployments of namespace ${client.namespace}: they are deleted by this run alone`,
    );
    return null;
  }
  const uid = request.uid ?? (await uidOf(client, apiVersion, name, warn));
  if (uid === null) return null;
  const kind = "DynamoGraphDeploymentRequest" as const;
  return { apiVersion, kind, name, uid, controller: false, blockOwnerDeletion: true };
}

async function uidOf(
  client: KubernetesClient,
  apiVersion: string,
  name: string,
  warn: (text: string) => void,
): Promise<string | null> {
  const path = `/apis/${apiVersion}/namespaces/${client.namespace}/dynamographdeploymentrequests/${name}`;
  try {
    const { metadata } = await client.request<{ metadata: { uid: string } }>({ path });
    return metadata.uid;
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    warn(`deployments get no owner: request ${name} can't be read: ${error.message}`);
    return null;
  }
}
