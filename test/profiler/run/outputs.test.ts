import { describe, expect, it } from "vitest";
import { decodeJsonPair, loadProfile } from "#profiles";
import { documents, filesIn, madeRun, read, status } from "./made-run.ts";

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

const candidates = ["prefill", "decode"].flatMap((phase) =>
  [1, 2, 4].map((gpus) => `${phase}_${gpus}gpus_TP${gpus}/result.json`),
);

describe("output folder", () => {
  it("[R006] [R074] [R082] [R127] has the names of 0.8: a folder a candidate, the selected engines, plots, both deployments, log", async () => {
    const { folder, result } = madeRun({ ...flags, dialect: "0.8" });
    const { files } = await result;
    const expected = [
      ...candidates,
      "config_with_planner.yaml",
      "cost_sla.png",
      "decode_performance.png",
      "decode_throughput_interpolation.png",
      "disagg_config.yaml",
      "mocker_config_with_planner.yaml",
      "prefill_performance.png",
      "prefill_throughput_interpolation.png",
      "profile.json",
      "profile_sla.log",
      "profiler_status.yaml",
      "selected_decode_interpolation/batch_sizes.json",
      "selected_decode_interpolation/decode_itl_interpolation.png",
      "selected_decode_interpolation/decode_throughput_interpolation.png",
      "selected_decode_interpolation/raw_data.npz",
      "selected_decode_interpolation/result.json",
      "selected_prefill_interpolation/prefill_throughput_interpolation.png",
      "selected_prefill_interpolation/prefill_ttft_interpolation.png",
      "selected_prefill_interpolation/raw_data.npz",
      "selected_prefill_interpolation/result.json",
    ].sort();
    expect(filesIn(folder)).toEqual(expected);
    expect([...files].sort()).toEqual(expected);
  });

  it("[R074] [R176] names folders by TP in 0.3, and has exactly two plots at its top", async () => {
    const { folder, result } = madeRun({ ...flags, dialect: "0.3" });
    await result;
    const files = filesIn(folder);
    expect(files).toContain("prefill_tp2/result.json");
    expect(files).toContain("decode_tp4/result.json");
    expect(files.filter((name) => /^[^/]+\.png$/.test(name))).toEqual([
      "decode_performance.png",
      "prefill_performance.png",
    ]);
  });

  it("[R102] has the chosen engines' folders of 0.3 under both of their names", async () => {
    const { folder, result } = madeRun({ ...flags, dialect: "0.3" });
    const { chosen } = await result;
    const tp = (row: typeof chosen.prefill | typeof chosen.decode) => row!.mapping.layout.gpus;
    const files = filesIn(folder);
    for (const name of [
      `prefill_tp${tp(chosen.prefill)}_interpolation/raw_data.npz`,
      `prefill_tp${tp(chosen.prefill)}_interpolation/prefill_ttft_interpolation.png`,
      `decode_tp${tp(chosen.decode)}_interpolation/raw_data.npz`,
      "selected_prefill_interpolation/raw_data.npz",
      "selected_decode_interpolation/raw_data.npz",
    ]) {
      expect(files).toContain(name);
    }
  });

  it("[R074] names folders by GPUs alone in 0.6, and writes one deployment", async () => {
    const { folder, result } = madeRun({ ...flags, dialect: "0.6" });
    await result;
    const files = filesIn(folder);
    expect(files).toContain("prefill_4gpus/result.json");
    expect(files).not.toContain("mocker_config_with_planner.yaml");
    expect(documents(folder, "config_with_planner.yaml")).toHaveLength(1);
  });

  it("[R073] [R121] [R122] [R123] [R124] draws pictures that are PNG files of some size", async () => {
    const { folder, result } = madeRun(flags);
    const { files } = await result;
    const pictures = files.filter((name) => name.endsWith(".png"));
    expect(pictures).toHaveLength(9);
    for (const name of pictures) {
      const bytes = Buffer.from(read(folder, name), "latin1");
      expect(bytes.length).toBeGreaterThan(10_000);
    }
  });
});

describe("profile", () => {
  it("[R095] [R096] [R098] is of the chosen engines, up to the model's longest context or the user's", async () => {
    const { folder, result } = madeRun(flags);
    const { profile, chosen } = await result;
    expect(profile!.provenance).toMatchObject({
      model: "Qwen/Qwen3-32B",
      backend: "vllm",
      gpusPerPrefillEngine: chosen.prefill!.mapping.layout.gpus,
      gpusPerDecodeEngine: chosen.decode!.mapping.layout.gpus,
      source: "measured",
      tool: "understudy test",
    });
    expect(profile!.prefill.isl.at(-1)).toBe(40_436);
    expect(loadProfile(folder).prefill).toEqual(profile!.prefill);
    expect(loadProfile(`${folder}/profile.json`).decode).toEqual(profile!.decode);

    const shorter = madeRun({ ...flags, "max-context-length": "8192" });
    expect((await shorter.result).profile!.prefill.isl.at(-1)).toBeLessThan(7680);
    const longer = madeRun({ ...flags, "max-context-length": "100000" });
    expect((await longer.result).profile!.prefill.isl.at(-1)).toBe(40_436);
  });

  it("[R130] comes out of the ConfigMap of the deployment as it was written", async () => {
    const { folder, result } = madeRun(flags);
    const { profile } = await result;
    const [configMap, dgd] = documents(folder, "config_with_planner.yaml");
    expect(configMap).toMatchObject({ kind: "ConfigMap", metadata: { name: "planner-profile-data" } });
    expect(dgd.kind).toBe("DynamoGraphDeployment");
    const part = (key: string) => ({ text: configMap.data[key], where: key });
    const again = decodeJsonPair(part("prefill_raw_data.json"), part("decode_raw_data.json"), "again");
    expect(again.prefill).toEqual(profile!.prefill);
    expect(again.decode).toEqual(profile!.decode);
  });

  it("[R106] is not made where none is asked for", async () => {
    const { folder, result, calls } = madeRun({ ...flags, interpolation: "none" });
    expect((await result).profile).toBeUndefined();
    expect(filesIn(folder).filter((name) => name.startsWith("selected_"))).toEqual([]);
    expect(calls.asked.filter((text) => text.includes("isl=100 "))).toEqual([]);
    expect(documents(folder, "config_with_planner.yaml")).toHaveLength(1);
  });

  it("[R102] [R186] keeps ITL and throughput by batch size beside the samples", async () => {
    const { folder, result } = madeRun(flags);
    const { profile } = await result;
    const batches = JSON.parse(read(folder, "selected_decode_interpolation/batch_sizes.json"));
    expect(batches).toHaveLength(profile!.decode.itlMs.length);
    expect(batches[3]).toEqual({
      isl: 100,
      contextLength: 350,
      batchSize: expect.any(Number),
      itlMs: profile!.decode.itlMs[3],
      throughputPerGpu: profile!.decode.throughputPerGpu[3],
    });
  });
});

describe("deployment", () => {
  it("[R107] [R108] lays the chosen engines out, adds the planner, and tells replicas and the rate they serve", async () => {
    const { folder, result } = madeRun({ ...flags, "request-rate": "9" });
    const { chosen, capacity, profile } = await result;
    const dgd = documents(folder, "config_with_planner.yaml").at(-1);
    const args = (service: string) => dgd.spec.services[service].extraPodSpec.mainContainer.args.join(" ");
    expect(args("VllmPrefillWorker")).toContain(`--tensor-parallel-size ${chosen.prefill!.mapping.layout.tp}`);
    expect(args("VllmDecodeWorker")).toContain(`--tensor-parallel-size ${chosen.decode!.mapping.layout.tp}`);
    expect(args("Planner")).toContain("--ttft=200.0");
    expect(args("Planner")).toContain(`--decode-engine-num-gpu=${chosen.decode!.mapping.layout.gpus}`);
    expect(profile).toBeDefined();
    expect(capacity!.requestRate).toBeGreaterThan(0);
    expect(capacity!.prefillReplicas + capacity!.decodeReplicas).toBeGreaterThan(2);
    expect(dgd.spec.services.VllmPrefillWorker.replicas).toBe(capacity!.prefillReplicas);
    expect(dgd.spec.services.VllmDecodeWorker.replicas).toBe(capacity!.decodeReplicas);
    expect(capacity!.gpus).toBe(
      capacity!.prefillReplicas * chosen.prefill!.mapping.layout.gpus +
        capacity!.decodeReplicas * chosen.decode!.mapping.layout.gpus,
    );
  });

  it("[R116] has a mocker twin that mounts the same profile", async () => {
    const { folder, result } = madeRun(flags);
    await result;
    const [configMap, dgd] = documents(folder, "mocker_config_with_planner.yaml");
    expect(configMap).toEqual(documents(folder, "config_with_planner.yaml")[0]);
    const { prefill, Planner } = dgd.spec.services;
    expect(prefill.extraPodSpec.mainContainer.args.join(" ")).toContain(
      "--planner-profile-data /workspace/profiling_results",
    );
    expect(Planner.extraPodSpec.mainContainer.args).toContain("--backend=mocker");
  });
});

it("[R126] counts what requests cost, of pairs that no other pair beats, and draws it since 0.8", async () => {
  const { folder, result } = madeRun(flags);
  const { costs, sweep } = await result;
  expect(costs.length).toBeGreaterThan(3);
  for (const { prefill, decode, gpuHours, price } of costs) {
    expect(gpuHours).toBeCloseTo(3e6 / prefill.throughputPerGpu / 3600 + 150e3 / decode.throughputPerGpu / 3600, 12);
    expect(price).toBeCloseTo(3 * gpuHours, 12);
    const beaten = sweep.prefill.some(
      (row) => row.ttftMs <= prefill.ttftMs && row.throughputPerGpu > prefill.throughputPerGpu,
    );
    expect(beaten).toBe(false);
  }
  expect(filesIn(folder)).toContain("cost_sla.png");
});

it("[R128] says success and where the deployment is", async () => {
  const { folder, result } = madeRun(flags);
  await result;
  expect(status(folder)).toEqual({
    status: "success",
    timestamp: "2026-03-01T12:00:00Z",
    message: "Profiler completed successfully",
    outputs: { final_config: "config_with_planner.yaml" },
    phase: "Done",
  });
});

it("[R115] leaves the recommended configuration, what it was measured to do, and the deployment made of it", async () => {
  const { folder, result } = madeRun(flags);
  const { chosen } = await result;
  const performance = (phase: "prefill" | "decode") =>
    filesIn(folder)
      .filter((name) => new RegExp(`^${phase}_\\d+gpus_[^/]+/result\\.json$`).test(name))
      .map((name) => JSON.parse(read(folder, name)));
  expect(performance("prefill").map(({ question }) => question.mapping)).toContain(chosen.prefill!.mapping.label);
  expect(JSON.stringify(performance("prefill"))).toContain(String(chosen.prefill!.ttftMs));
  expect(JSON.stringify(performance("decode"))).toContain(String(chosen.decode!.itlMs));
  expect(read(folder, "profile_sla.log")).toContain(
    `Suggested decode parallel mapping: ${chosen.decode!.mapping.label} on ${chosen.decode!.mapping.layout.gpus} GPU(s)`,
  );
  const { outputs } = status(folder) as unknown as { outputs: { final_config: string } };
  expect(documents(folder, outputs.final_config).at(-1)).toMatchObject({
    kind: "DynamoGraphDeployment",
    spec: { services: { Planner: expect.anything(), VllmDecodeWorker: { replicas: expect.any(Number) } } },
  });
});
