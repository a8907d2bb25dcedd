import { describe, expect, it } from "vitest";
import { seenFailing } from "../../planner/weaknesses/seen-failing.ts";
import { documents, madeRun, read, status } from "./made-run.ts";

const THERE = 32;

const spec = (more: { hardware?: object; [key: string]: unknown } = {}) => {
  const { hardware, ...rest } = more;
  return JSON.stringify({
    model: "Qwen/Qwen3-32B",
    backend: "trtllm",
    image: "nvcr.io/nvidia/ai-dynamo/dynamo-frontend:1.0.0",
    hardware: { gpuSku: "h200_sxm", totalGpus: THERE, numGpusPerNode: 8, vramMb: 144_384, ...hardware },
    workload: { isl: 3000, osl: 150 },
    sla: { ttft: 800, itl: 20 },
    searchStrategy: "thorough",
    ...rest,
  });
};

/** A planner of a deployment that goes up and down with its load, with a budget beyond the cluster's 32 GPUs. */
const planner = (max_gpu_budget: number) => ({
  features: {
    planner: {
      enable_throughput_scaling: true,
      pre_deployment_sweeping_mode: "thorough",
      mode: "disagg",
      max_gpu_budget,
    },
  },
});

/** GPUs that all workers of a DynamoGraphDeployment of v1beta1 take, and those that its planner may take. */
function asked(folder: string, name: string): { workers: number; planner: number | null } {
  const all = documents(folder, name);
  let workers = 0;
  for (const { replicas = 1, multinode, podTemplate } of all.at(-1).spec.components) {
    for (const { resources } of podTemplate?.spec?.containers ?? []) {
      workers += replicas * (multinode?.nodeCount ?? 1) * Number(resources?.limits?.["nvidia.com/gpu"] ?? 0);
    }
  }
  const config = all.find(({ data }) => data?.["planner_config.json"] !== undefined);
  return {
    workers,
    planner: config === undefined ? null : JSON.parse(config.data["planner_config.json"]).max_gpu_budget,
  };
}

const claim = ({ workers, planner: budget }: { workers: number; planner: number | null }) => {
  expect(workers, "GPUs of the workers").toBeGreaterThan(0);
  expect(workers, "GPUs of the workers").toBeLessThanOrEqual(THERE);
  expect(budget ?? 0, "GPUs of the planner").toBeGreaterThanOrEqual(0);
  expect(budget ?? 0, "GPUs of the planner").toBeLessThanOrEqual(THERE);
};

describe("a profiler on a cluster of 32 GPUs", () => {
  it("[D15d held] makes of a load for 50 GPUs a deployment of 32, and says that it won't do", async () => {
    const { folder, result } = madeRun({ config: spec({ workload: { isl: 3000, osl: 150, requestRate: 400 } }) });
    const { warnings } = await result;
    claim(asked(folder, "final_config.yaml"));
    expect(warnings.join("\n")).toMatch(/Load target requires \d+ GPUs but only 32 available/);
  });

  it("[D15d shown] would ask for more where nobody tells it how many there are", async () => {
    const { folder, result } = madeRun({
      config: spec({
        workload: { isl: 3000, osl: 150, requestRate: 400 },
        hardware: { totalGpus: undefined },
      }),
    });
    await result;
    await seenFailing(() => claim(asked(folder, "final_config.yaml")), /GPUs of the workers: expected \d+ to be less/);
  });

  it.each([50, -1])("[D15d held] gives a planner of budget %i no more than there are, and says so", async (budget) => {
    const { folder, result } = madeRun({ config: spec(planner(budget)) });
    const { warnings } = await result;
    claim(asked(folder, "final_config.yaml"));
    expect(asked(folder, "final_config.yaml").planner).toBe(THERE);
    expect(warnings).toContainEqual(
      `The planner's max_gpu_budget is set to 32, as there are no more GPUs (hardware.totalGpus): found ${budget < 0 ? "no limit" : "50 GPUs"}`,
    );
  });

  it("[D15d shown] lets the planner ask for 50 where its budget is passed on as it is", async () => {
    const { folder, result } = madeRun({ config: spec({ ...planner(50), hardware: { totalGpus: 64 } }) });
    await result;
    await seenFailing(() => claim(asked(folder, "final_config.yaml")), /GPUs of the planner: expected 50/);
  });

  it("[D15d held] refuses where not even one engine of each kind has room, before anything is deployed of it", async () => {
    const { folder, result } = madeRun({
      config: spec({ ...planner(1), hardware: { totalGpus: 1 } }),
    });
    await expect(result).rejects.toMatchObject({
      code: "PROFILER_TOO_MANY_GPUS",
      message: "one engine of each kind (prefill 1 GPU, decode 1 GPU) takes 2 GPUs, and there are 1",
    });
    expect(status(folder)).toMatchObject({ status: "failed" });
    expect(() => read(folder, "final_config.yaml")).toThrow();
  });

  it("[D15d held] takes smaller engines for a planner where the best pair has no room", async () => {
    const { folder, result } = madeRun({ config: spec({ ...planner(4), hardware: { totalGpus: 3 } }) });
    const { pick } = await result;
    expect(pick!.gpus).toBeLessThanOrEqual(3);
    expect(asked(folder, "final_config.yaml")).toEqual({ workers: pick!.gpus, planner: 3 });
  });
});

describe("overrides of the deployment", () => {
  const overridden = (replicas: number) => ({
    overrides: {
      dgd: {
        apiVersion: "nvidia.com/v1beta1",
        kind: "DynamoGraphDeployment",
        spec: { components: [{ name: "decode", replicas }] },
      },
    },
  });

  it("[D15d held] are refused where they ask for more than there are, and nothing is left that could be applied", async () => {
    const { folder, result } = madeRun({ config: spec(overridden(50)) });
    await expect(result).rejects.toMatchObject({
      code: "PROFILER_TOO_MANY_GPUS",
      where: "overrides.dgd",
      message: expect.stringMatching(/asks for \d\d+ GPUs, and there are 32$/),
    });
    expect(() => read(folder, "final_config.yaml")).toThrow();
  });

  it("are taken where they don't", async () => {
    const { folder, result } = madeRun({ config: spec(overridden(1)) });
    await result;
    claim(asked(folder, "final_config.yaml"));
  });
});

describe("a sweep of 0.8", () => {
  const flags = {
    model: "Qwen/Qwen3-32B",
    backend: "vllm",
    isl: "3000",
    osl: "150",
    ttft: "200",
    itl: "20",
    "min-num-gpus-per-engine": "1",
    "max-num-gpus-per-engine": "4",
  } as const;

  it("[D15d held] picks engines that have room beside each other", async () => {
    const { result } = madeRun({ ...flags, "total-gpus": "5" });
    const { chosen } = await result;
    const gpus = chosen.prefill!.mapping.layout.gpus + chosen.decode!.mapping.layout.gpus;
    expect(gpus).toBeLessThanOrEqual(5);
  });

  it("[D15d held] refuses before it measures anything where two of the smallest engines have no room", async () => {
    const { calls, result } = madeRun({ ...flags, "min-num-gpus-per-engine": "4", "total-gpus": "4" });
    await expect(result).rejects.toMatchObject({ code: "PROFILER_TOO_MANY_GPUS" });
    expect(calls.opened).toEqual([]);
  });
});
