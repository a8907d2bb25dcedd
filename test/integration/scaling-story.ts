import { expect } from "vitest";
import { CliProcess, waitFor } from "./processes.ts";

/** The reference's test of scaling from end to end: light load, heavy load, none; told to whoever runs a deployment. */

/** Model time over the wall's. */
export const STORY_SCALE = 6;
/** With these one prefill worker of what the profiler picks serves about 13 requests a second, one decode worker about 24. */
const ISL = 5500;
const OSL = 120;
const PATIENCE_MS = 120_000;

/** A request for the deployment that the story is about. */
export function storyRequest(name: string) {
  return {
    apiVersion: "nvidia.com/v1beta1",
    kind: "DynamoGraphDeploymentRequest",
    metadata: { name },
    spec: {
      model: "meta-llama/Llama-3.1-8B-Instruct",
      backend: "vllm",
      image: "example.invalid/profiler:1.0.0",
      searchStrategy: "rapid",
      autoApply: true,
      hardware: { gpuSku: "h200_sxm", vramMb: 144384, numGpusPerNode: 1, totalGpus: 4 },
      workload: { isl: ISL, osl: OSL },
      sla: { ttft: 200, itl: 12 },
      features: {
        mocker: { enabled: true },
        planner: {
          optimization_target: "sla",
          // By rates and the profile alone: a machine on which much else goes on must not look like engines that are slow.
          strategy: "sla-compat",
          no_correction: true,
          // One worker completes no more than it can, whatever arrives.
          request_count: "started",
          load_predictor: "constant",
          throughput_adjustment_interval_seconds: 60,
        },
      },
    },
  };
}

export interface Serving {
  prefill: number;
  decode: number;
}

/**
 * 8 requests/s leave one prefill and one decode worker, 18 make it two and one, and when hardly any come it is one and one again;
 * no request fails.
 * @param serving workers that serve now
 */
export async function tellScalingStory(url: string, serving: () => Serving | Promise<Serving>): Promise<void> {
  expect(await serving()).toEqual({ prefill: 1, decode: 1 });
  const light = load(url, 8, 90);
  const lightEnd = await light.exited;
  expect(lightEnd.code, light.output).toBe(0);
  expect(await serving()).toEqual({ prefill: 1, decode: 1 });

  const heavy = load(url, 18, 150);
  await until("a second prefill worker", async () => (await serving()).prefill === 2);
  expect((await serving()).decode).toBe(1);
  const heavyEnd = await heavy.exited;
  expect(heavyEnd.code, heavy.output).toBe(0);
  // This strategy decides nothing while nothing at all arrives.
  const rest = load(url, 1, 150);
  await until("one prefill worker again", async () => {
    const { prefill, decode } = await serving();
    return prefill === 1 && decode === 1;
  });
  const restEnd = await rest.exited;
  expect(restEnd.code, rest.output).toBe(0);
}

/** Its exit code is 1 where a request failed. */
function load(url: string, rate: number, seconds: number): CliProcess {
  return new CliProcess([
    ...["load", "--url", url, "--request-rate", String(rate), "--isl", String(ISL), "--osl", String(OSL)],
    ...["--benchmark-duration", `${seconds}s`, "--time-scale", String(STORY_SCALE)],
    ...["--no-report", "--json", "--quiet"],
  ]);
}

export function until(what: string, check: () => boolean | Promise<boolean>): Promise<unknown> {
  return waitFor(what, async () => check(), PATIENCE_MS);
}
