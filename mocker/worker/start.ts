import { startHost } from "./core/host.ts";
import type { WorkerHost, WorkerHostOptions } from "./core/host-types.ts";
import { workerHttpApp } from "./http/app.ts";
import type { WorkerHttpOptions } from "./http/options.ts";

export interface StartWorkerHostOptions extends WorkerHostOptions {
  http?: WorkerHttpOptions;
}

/**
 * Starts workers that share a process: OpenAI-compatible servers, each on its own port, on the wall clock. Resolves when they
 * listen; each is ready when its start-up time is over (`worker.ready`).
 * @throws UserError WORKER_PORT_TAKEN
 */
export function startWorkerHost(options: StartWorkerHostOptions): Promise<WorkerHost> {
  return startHost(options, workerHttpApp(options.http));
}
