import { pickRapid } from "../picking/rapid.ts";
import type { Pick } from "../types.ts";
import { needsGpu } from "./errors.ts";
import type { Run } from "./run-context.ts";

/**
 * The pick among estimates, or the naive one where nothing estimates this model on this GPU.
 * @throws UserError where the model is not known at all
 */
export async function estimatedPick({ request, facts, services }: Run): Promise<Pick> {
  const { findGpuSystem, isSupported, modelFacts, openNativeEngine } = await import("#src/estimator");
  const { aic, hardware } = request;
  const name = aic.system ?? hardware.gpuSku;
  if (name === undefined) throw needsGpu();
  const model = facts ?? modelFacts(aic.model ?? request.model);
  const sheet = findGpuSystem(name);
  services.signal.throwIfAborted();
  const { moe, mla, weightMib, ...sizes } = model;
  return pickRapid(request, {
    model: {
      ...sizes,
      ...(moe === undefined ? {} : { moe }),
      mla: mla !== undefined,
      weightBytes: weightMib * 2 ** 20,
    },
    ...(sheet === undefined ? {} : { system: { name: sheet.name, memoryBytes: sheet.memoryBytes } }),
    covers: (backend) => isSupported(model.id, name, backend),
    open: (backend, parallelism) => openNativeEngine({ model: model.id, system: name, backend, parallelism }),
  });
}
