export type { RunningWorker, WorkerHost, WorkerHostOptions } from "./core/host-types.ts";
export type { ReasoningMarks, WorkerHttpOptions } from "./http/options.ts";
export { type StartWorkerHostOptions, startWorkerHost } from "./start.ts";
export type * from "./types.ts";
