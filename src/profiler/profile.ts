import type { ModelFacts } from "#src/estimator";
import { runProfiler } from "./run/run.ts";
import { sourceContext } from "./run/source-context.ts";
import { defaultSource } from "./run/sources.ts";
import type { ProfilingResult, RunServices } from "./run/types.ts";
import type { ProfilingRequest } from "./types.ts";

/**
 * Profiles as a request asks and leaves everything in its output folder: sweeps, profile, pictures, manifests, log and status.
 * @throws UserError where no engine could be had or the signal ended it
 */
export async function profile(request: ProfilingRequest, services: RunServices): Promise<ProfilingResult> {
  return runProfiler(await withGpuMemory(request), services, {
    facts: services.facts === undefined ? await knownFacts(request) : services.facts,
    openSource: async (kind, run) => (services.openSource ?? defaultSource)(kind, sourceContext(run)),
  });
}

/** What is known of the model; a measured run does without. */
async function knownFacts({ model, aic }: ProfilingRequest): Promise<ModelFacts | null> {
  const { findModel } = await import("#src/estimator");
  return findModel(aic.model ?? model) ?? null;
}

/** The memory of a GPU is that of its data sheet where the request does not say it. */
async function withGpuMemory(request: ProfilingRequest): Promise<ProfilingRequest> {
  const { hardware, aic } = request;
  const name = hardware.gpuSku ?? aic.system;
  if (hardware.vramMib !== undefined || name === undefined) return request;
  const { findGpuSystem } = await import("#src/estimator");
  const sheet = findGpuSystem(name);
  if (sheet === undefined) return request;
  return { ...request, hardware: { ...hardware, vramMib: sheet.memoryBytes / 2 ** 20 } };
}
