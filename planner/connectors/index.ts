export { GlobalPlannerConnector, type GlobalPlannerConnectorOptions } from "./global-planner/connector.ts";
export {
  DEPLOYMENT_PATH,
  deploymentQuestionSchema,
  SCALE_PATH,
  scaleRequestSchema,
  type WireDeploymentAnswer,
  type WireScaleAnswer,
  type WireScaleRequest,
} from "./global-planner/protocol.ts";
export { type ClusterOptions, KubernetesClient } from "./kubernetes/client.ts";
export { KubernetesConnector, type KubernetesConnectorOptions } from "./kubernetes/connector.ts";
export { type EventText, ObjectEvents } from "./kubernetes/events.ts";
export { ApiFailure, ApiUnavailable, isStatus, orNull } from "./kubernetes/failure.ts";
export { DYNAMO_LABELS } from "./kubernetes/labels.ts";
export { type KubernetesLeadershipOptions, kubernetesLeadership } from "./kubernetes/leadership.ts";
export { GLOBAL_PLANNER_LEASE, plannerLease } from "./kubernetes/rights.ts";
export { type ScalableGraph, scalableGraphs } from "./kubernetes/scalable.ts";
export {
  type ControlCallOptions,
  ControlClient,
  type ControlClientOptions,
  ControlFailure,
  ControlUnavailable,
} from "./local/client.ts";
export { LocalConnector, type LocalConnectorOptions } from "./local/connector.ts";
export {
  type ControlFault,
  controlFaultSchema,
  DEPLOYMENTS_PATH,
  type DeploymentKey,
  deploymentPath,
  LONGEST_WAIT_S,
  type LocalComponent,
  type LocalDeployment,
  type LocalEvent,
  type LocalReplica,
  localDeploymentSchema,
  NOT_READY,
  type ScaleBody,
  STALE_VERSION,
  scaleBodySchema,
} from "./local/protocol.ts";
export { type LocalEndpoints, localEndpointsOf } from "./local/view.ts";
export { LocalWatch, type LocalWatchOptions } from "./local/watch.ts";
export { AdvisoryConnector, type AdvisoryConnectorOptions } from "./none.ts";
export { type Pace, realPace } from "./pace.ts";
export { FileStore, type FileStoreOptions } from "./stores/file-store.ts";
export { MemoryStore } from "./stores/memory-store.ts";
export { openStore, type StoreAccess, type StoreLocation, storeLeadership } from "./stores/open.ts";
export {
  type KeyValueStore,
  type StoredValue,
  StoreUnavailable,
  type StoreView,
  type Transaction,
} from "./stores/types.ts";
export { desiredOf } from "./targets.ts";
export type * from "./types.ts";
export { VirtualConnector, type VirtualConnectorOptions } from "./virtual/connector.ts";
export { type EnvironmentDecision, VirtualEnvironment } from "./virtual/environment.ts";
