/** A DynamoGraphDeploymentRequest as far as its profiling goes. */
export interface ProfiledRequest {
  apiVersion?: string;
  metadata: { name: string; namespace: string; uid: string };
  spec?: Record<string, unknown>;
}

/** A document that the profiler has written. */
export interface GeneratedObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** The profiler's run for a request; `beside`: ConfigMaps that its deployment needs. */
export type RunFacts =
  | { state: "running"; phase: string; message: string }
  | { state: "succeeded"; graph: GeneratedObject; beside: readonly GeneratedObject[] }
  | { state: "failed"; message: string };
