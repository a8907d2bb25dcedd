export { KubernetesExecutor } from "./executor.ts";
export { kubernetesShardSide } from "./side.ts";
