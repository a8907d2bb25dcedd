import type { BestStatic, ReportedRun, StaticDeployment } from "#src/record";
import { attainment, cost } from "#src/report";

export interface BestStaticOptions {
  /** Replays the traffic on a fixed deployment. */
  run: (workers: { prefill: number; decode: number }) => ReportedRun;
  mode: "agg" | "disagg";
  gpusPerWorker: { prefill: number; decode: number };
  /** Largest deployment to try, in GPUs. */
  maxGpus: number;
  /** What no replay can surpass, whatever the deployment: requests in all, and the shortest run, s. */
  bounds: { requests: number; seconds: number };
  /** Attainment that a deployment has to reach to count as keeping the SLA, 0..1. */
  floor?: number;
  onProgress?: (tried: number, left: number) => void;
}

/**
 * The best fixed deployment in hindsight: over all P + D within the GPU limit, the best goodput per GPU among those that
 * attain the floor, and without that condition. Deployments are tried from the smallest up; the search ends where even a
 * deployment that lost nothing could not be better than what was found.
 */
export function bestStatic(options: BestStaticOptions): BestStatic {
  const floor = options.floor ?? 0.99;
  const { requests, seconds } = options.bounds;
  const candidates = allDeployments(options);
  let tried = 0;
  let atFloor: StaticDeployment | null = null;
  let any: StaticDeployment | null = null;
  for (const [index, workers] of candidates.entries()) {
    const gpus = workers.prefill * options.gpusPerWorker.prefill + workers.decode * options.gpusPerWorker.decode;
    if (atFloor !== null && any !== null) {
      const atBest = requests / (gpus * seconds);
      if (atBest <= atFloor.goodputPerGpu && atBest <= any.goodputPerGpu) break;
    }
    options.onProgress?.(index, candidates.length - index);
    const record = options.run(workers);
    const { attainment: attained } = attainment(record);
    const { gpuSeconds } = cost(record);
    const deployment: StaticDeployment = {
      ...workers,
      attainment: attained.share,
      goodputPerGpu: attained.good / gpuSeconds,
      gpuHours: gpuSeconds / 3600,
    };
    tried++;
    if (any === null || deployment.goodputPerGpu > any.goodputPerGpu) any = deployment;
    const keeps = deployment.attainment >= floor;
    if (keeps && (atFloor === null || deployment.goodputPerGpu > atFloor.goodputPerGpu)) atFloor = deployment;
  }
  return { floor, maxGpus: options.maxGpus, tried, atFloor, any };
}

/** All deployments within the limit, fewest GPUs first, then most prefill. */
function allDeployments({ mode, gpusPerWorker, maxGpus }: BestStaticOptions): { prefill: number; decode: number }[] {
  const deployments: { prefill: number; decode: number; gpus: number }[] = [];
  const mostPrefill = mode === "agg" ? 0 : Math.floor(maxGpus / gpusPerWorker.prefill);
  for (let prefill = mode === "agg" ? 0 : 1; prefill <= mostPrefill; prefill++) {
    for (let decode = 1; ; decode++) {
      const gpus = prefill * gpusPerWorker.prefill + decode * gpusPerWorker.decode;
      if (gpus > maxGpus) break;
      deployments.push({ prefill, decode, gpus });
    }
  }
  deployments.sort((a, b) => a.gpus - b.gpus || b.prefill - a.prefill);
  return deployments.map(({ prefill, decode }) => ({ prefill, decode }));
}
