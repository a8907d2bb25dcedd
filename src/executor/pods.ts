/** What shards as pods need, loaded only by who wants them: with it come the clients of an API server. */
export const loadKubernetesExecutor = () => import("./kubernetes/executor.ts");
export const loadKubernetesShardSide = () => import("./kubernetes/side.ts");
