import { describe, expect, it } from "vitest";
import { documents, filesIn, madeRun, read, status } from "./made-run.ts";

const spec = (more: object = {}) =>
  JSON.stringify({
    model: "Qwen/Qwen3-32B",
    backend: "trtllm",
    image: "nvcr.io/nvidia/ai-dynamo/dynamo-frontend:1.0.0",
    hardware: { gpuSku: "h200_sxm", totalGpus: 8, numGpusPerNode: 8, vramMb: 144_384 },
    workload: { isl: 3000, osl: 150 },
    sla: { ttft: 800, itl: 20 },
    searchStrategy: "thorough",
    ...more,
  });
const planner = {
  features: { planner: { enable_throughput_scaling: true, pre_deployment_sweeping_mode: "thorough", mode: "disagg" } },
};

describe("a v1beta1 request, measured", () => {
  it("[R007] enumerates, measures, picks and writes one file to deploy, without a profile where nobody reads one", async () => {
    const { folder, calls, result } = madeRun({ config: spec() });
    const { pick, deployment, profile } = await result;
    expect(calls.opened.slice(0, 4)).toEqual(["prefill tp1", "prefill tp2", "prefill tp4", "prefill tp8"]);
    expect(pick).toMatchObject({ mode: "disagg", by: "default", backend: "trtllm" });
    expect(deployment).toBe("final_config.yaml");
    expect(profile).toBeUndefined();
    const files = filesIn(folder);
    expect(files).toContain("prefill_4gpus_tp4/result.json");
    expect(files).toContain("final_config.yaml");
    expect(files).not.toContain("picked_dgd_config.yaml");
    expect(files).not.toContain("config_with_planner.yaml");
    const [dgd, ...others] = documents(folder, "final_config.yaml");
    expect(others).toEqual([]);
    expect(dgd).toMatchObject({ apiVersion: "nvidia.com/v1beta1", kind: "DynamoGraphDeployment" });
    const replicas = Object.fromEntries(
      dgd.spec.components.map((each: { name: string; replicas: number }) => [each.name, each.replicas]),
    );
    expect(replicas).toMatchObject({ prefill: pick!.prefill!.replicas, decode: pick!.decode!.replicas });
  });

  it("[R109] with a planner interpolates the picked engines and puts ConfigMaps before the deployment", async () => {
    const { folder, result } = madeRun({ config: spec(planner) });
    const { profile, pick, chosen } = await result;
    expect(pick).toMatchObject({ by: "autoscale", prefill: { replicas: 1 }, decode: { replicas: 1 } });
    expect(profile!.provenance.gpusPerPrefillEngine).toBe(pick!.prefill!.layout.gpus);
    expect(chosen.prefill!.mapping.layout).toEqual(pick!.prefill!.layout);
    const kinds = documents(folder, "final_config.yaml").map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(kinds).toEqual([
      expect.stringMatching(/^ConfigMap planner-config-[a-f0-9]{4}$/),
      expect.stringMatching(/^ConfigMap planner-profile-data-[a-f0-9]{4}$/),
      expect.stringMatching(/^DynamoGraphDeployment trtllm-disagg-[a-f0-9]{8}$/),
    ]);
    const files = filesIn(folder);
    expect(files).toContain("picked_dgd_config.yaml");
    expect(files).toContain("selected_prefill_interpolation/raw_data.npz");
    expect(documents(folder, "picked_dgd_config.yaml")).toHaveLength(1);
  });

  it("[R117] with the mocker deploys mock workers that replay the profile", async () => {
    const { folder, result } = madeRun({
      config: spec({ features: { ...planner.features, mocker: { enabled: true } } }),
    });
    await result;
    const dgd = documents(folder, "final_config.yaml").at(-1);
    const text = JSON.stringify(dgd.spec.components);
    expect(text).toContain("dynamo.mocker");
    expect(text).toContain("--planner-profile-data");
  });

  it("[R061] replaces a target that nothing achieves by the best that can be had, and tells the planner", async () => {
    const { folder, result } = madeRun({ config: spec({ ...planner, sla: { ttft: 5, itl: 20 } }) });
    const { sla, warnings, pick } = await result;
    expect(sla.ttftMs).toBe(pick!.ttftMs);
    expect(warnings).toContain(
      `TTFT SLA 5.0ms is unachievable. Best achievable: ${pick!.ttftMs.toFixed(1)}ms. Updating SLA.`,
    );
    const settings = JSON.parse(documents(folder, "final_config.yaml")[0].data["planner_config.json"]);
    expect(settings.ttft_ms).toBe(pick!.ttftMs);
  });

  it("[R144] writes nothing to deploy in a dry run, and succeeds", async () => {
    const { folder, calls, result } = madeRun({ config: spec(), "dry-run": true });
    await result;
    expect(calls.opened).toEqual([]);
    expect(read(folder, "final_config.yaml")).toBe("null\n...\n");
    expect(status(folder)).toMatchObject({ status: "success", outputs: { final_config: "final_config.yaml" } });
    expect(filesIn(folder)).toEqual(["final_config.yaml", "profile_sla.log", "profiler_status.yaml"]);
  });

  it("fails where no mapping of the model fits, and says so", async () => {
    const small = { gpuSku: "l40s", totalGpus: 1, numGpusPerNode: 1, vramMb: 46_068 };
    const { folder, result } = madeRun({ config: spec({ hardware: small }) });
    await expect(result).rejects.toMatchObject({
      code: "PROFILER_NO_DGD",
      message: "Profiler did not produce a DGD config. No mapping of this model fits the hardware",
    });
    expect(status(folder)).toMatchObject({ status: "failed", message: "Profiler did not produce a DGD config." });
  });
});
