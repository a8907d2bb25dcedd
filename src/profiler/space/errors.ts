import { UserError } from "#common";
import type { HardwareRequest } from "../types.ts";

/** The catalogue of what leaves nothing to search. */

export const noGpuConfiguration = (model: string, hardware: HardwareRequest, min: number, max: number): UserError =>
  new UserError({
    code: "PROFILER_NO_GPU_CONFIGURATION",
    message:
      `No valid GPU configuration found for model ${model} on the cluster with ` +
      `${hardware.gpusPerNode}x${hardware.gpuSku ?? "unknown GPU"} GPUs per node: ` +
      `it takes at least ${min} GPUs an engine, allowed are ${max}`,
    hint: "allow more GPUs an engine, or take GPUs with more memory or a smaller or quantised model",
  });
