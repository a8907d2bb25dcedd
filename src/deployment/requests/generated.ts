import type { GeneratedObject, ProfiledRequest } from "./types.ts";

/** Marks the deployment of a request, as Dynamo's operator does. */
const REQUEST_NAME_LABEL = "dgdr.nvidia.com/name";
const REQUEST_NAMESPACE_LABEL = "dgdr.nvidia.com/namespace";
const OPERATOR_LABEL = { "nvidia.com/managed-by": "dynamo-operator" } as const;

interface Overrides {
  name?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** What was generated for a request, with the name, labels and annotations that it wishes (v1alpha1, `deploymentOverrides`). */
export function generatedDeployment(request: ProfiledRequest, graph: GeneratedObject): GeneratedObject {
  const { name, namespace } = request.metadata;
  const { deploymentOverrides: wishes = {} } = (request.spec ?? {}) as { deploymentOverrides?: Overrides };
  const annotations = { ...graph.metadata.annotations, ...wishes.annotations };
  return {
    ...graph,
    metadata: {
      ...graph.metadata,
      name: wishes.name ?? graph.metadata.name,
      labels: {
        ...graph.metadata.labels,
        ...wishes.labels,
        [REQUEST_NAME_LABEL]: name,
        [REQUEST_NAMESPACE_LABEL]: namespace,
        ...OPERATOR_LABEL,
      },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  };
}
