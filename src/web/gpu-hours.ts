/** Requests that GPU hours and cost are stated for. */
export const REQUESTS = 1000;

/** US$ an hour of one GPU, where nobody says another: the one price that Dynamo's profiler knows. */
export const GPU_COST_PER_HOUR = 3;

const SECONDS_PER_HOUR = 3600;

export interface GpuHoursOptions {
  /** Input and output tokens of a request. */
  isl: number;
  osl: number;
  /**
   * Multiplies the hours of each engine by its GPUs, as Dynamo's profiler 0.8 does. Throughput is per GPU already, so the result
   * is too high by that factor; for comparisons with its output alone.
   */
  doubleCountGpuHours?: boolean;
}

interface Engine {
  mapping: { layout: { gpus: number } };
  /** tokens/s/GPU */
  throughputPerGpu: number;
}

/** GPU hours that 1000 requests take: their prompts at the prefill engines' throughput, their outputs at the decode engines'. */
export function gpuHours(prefill: Engine, decode: Engine, options: GpuHoursOptions): number {
  const hours = (tokens: number, engine: Engine) => {
    const factor = options.doubleCountGpuHours ? engine.mapping.layout.gpus : 1;
    return ((tokens * REQUESTS) / engine.throughputPerGpu / SECONDS_PER_HOUR) * factor;
  };
  return hours(options.isl, prefill) + hours(options.osl, decode);
}
