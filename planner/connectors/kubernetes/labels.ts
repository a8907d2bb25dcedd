/** Labels that Dynamo's operator (1.x) gives to what it makes of a deployment. */
export const DYNAMO_LABELS = {
  /** Name of the DynamoGraphDeployment. */
  graph: "nvidia.com/dynamo-graph-deployment-name",
  component: "nvidia.com/dynamo-component",
  type: "nvidia.com/dynamo-component-type",
  /** `prefill` or `decode` of a worker. */
  subType: "nvidia.com/dynamo-sub-component-type",
  /** Dynamo's own, not Kubernetes'. */
  namespace: "nvidia.com/dynamo-namespace",
} as const;
