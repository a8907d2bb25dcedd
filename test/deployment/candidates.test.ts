import { describe, expect, it } from "vitest";
import {
  candidateWorkerOf,
  decodeOnly,
  deploymentName,
  frontendPort,
  frontendUrl,
  type KubernetesObject,
  prefillOnly,
  renderDeployment,
  servedModel,
} from "#src/deployment";
import { type Backend, engineLayout } from "#src/estimator";
import { components, disaggPlan, flagValue } from "./plans.ts";

const base = (backend: Backend, dialect: "0.6" | "0.8" | "1.0" = "1.0") =>
  renderDeployment(
    disaggPlan({
      name: `${backend}-disagg`,
      backend,
      dialect,
      version: dialect === "1.0" ? "v1beta1" : "v1alpha1",
      prefill: { layout: engineLayout("tp1"), replicas: 3 },
      decode: { layout: engineLayout("tp1"), replicas: 2 },
      planner: { dialect, image: "p", settings: {}, scaling: "disagg" },
    }),
  ).at(-1)!;
const options = (backend: Backend, label = "tp4", dialect: "0.6" | "0.8" | "1.0" = "1.0") =>
  ({ backend, dialect, layout: engineLayout(label), gpusPerNode: 8 }) as const;
const worker = (dgd: KubernetesObject) => Object.values(components(dgd)).find(({ type }) => type === "decode")!;

describe.each(["vllm", "sglang", "trtllm"] as const)("%s", (backend) => {
  it("a candidate is one aggregated engine with a frontend, under the decode worker's name, and no planner", () => {
    for (const dialect of ["0.6", "1.0"] as const) {
      const original = base(backend, dialect);
      const decodeName = worker(original).name;
      for (const convert of [prefillOnly, decodeOnly]) {
        const candidate = convert(original, options(backend, "tp4", dialect));
        expect(candidate.metadata!.name).toBe(`${backend}-agg`);
        expect(Object.keys(components(candidate))).toEqual(["Frontend", decodeName]);
        const { replicas, gpus, args } = worker(candidate);
        expect([replicas, gpus]).toEqual([1, "4"]);
        expect(args.join(" ")).not.toMatch(/--disaggregation|--is-prefill-worker/);
        expect(candidateWorkerOf(candidate, backend)).toMatchObject({
          name: decodeName,
          folder: decodeName.toLowerCase(),
          args,
        });
        expect(servedModel(candidate, backend)).toBe("Qwen/Qwen3-32B");
      }
    }
  });

  it("a prefill candidate is made of the prefill worker", () => {
    const original = base(backend);
    const graph = components(original);
    const prefill = Object.values(graph).find(({ type }) => type === "prefill")!;
    prefill.container.image = "prefill:1";
    expect(worker(prefillOnly(original, options(backend))).container.image).toBe("prefill:1");
    expect(worker(decodeOnly(original, options(backend))).container.image).not.toBe("prefill:1");
  });

  it("the base stays as it is", () => {
    const original = base(backend);
    const before = structuredClone(original);
    prefillOnly(original, options(backend));
    decodeOnly(original, options(backend));
    expect(original).toEqual(before);
  });

  it("one wider than a node is multinode", () => {
    const { fields, gpus } = worker(decodeOnly(base(backend), options(backend, "dep16")));
    expect([fields.multinode, gpus]).toEqual([{ nodeCount: 2 }, "8"]);
  });
});

describe("KV reuse", () => {
  it("[R070] is off for prefill, whatever the base says", () => {
    const vllm = structuredClone(base("vllm"));
    components(vllm).VllmPrefillWorker!.container.args!.push("--enable-prefix-caching");
    const { args } = worker(prefillOnly(vllm, options("vllm")));
    expect(args).toContain("--no-enable-prefix-caching");
    expect(args).not.toContain("--enable-prefix-caching");
    expect(worker(prefillOnly(base("sglang"), options("sglang"))).args).toContain("--disable-radix-cache");
    const trtllm = worker(prefillOnly(base("trtllm", "0.8"), options("trtllm", "tp2", "0.8"))).args;
    expect(JSON.parse(flagValue(trtllm, "--override-engine-args")!)).toMatchObject({
      kv_cache_config: { enable_block_reuse: false },
      disable_overlap_scheduler: false,
      cache_transceiver_config: null,
      tensor_parallel_size: 2,
    });
  });

  it("[R078] is on for decode, and requests of models with experts go round", () => {
    const off = structuredClone(base("vllm"));
    components(off).VllmDecodeWorker!.container.args!.push("--no-enable-prefix-caching");
    const { args } = worker(decodeOnly(off, options("vllm")));
    expect(args).toContain("--enable-prefix-caching");
    expect(args).not.toContain("--no-enable-prefix-caching");
    const moe = worker(decodeOnly(base("sglang"), { ...options("sglang", "dep8"), isMoe: true })).args;
    expect(flagValue(moe, "--load-balance-method")).toBe("round_robin");
    expect(worker(decodeOnly(base("sglang"), options("sglang"))).args).not.toContain("--load-balance-method");
    const trtllm = worker(decodeOnly(base("trtllm"), options("trtllm"))).args;
    expect(flagValue(trtllm, "--trtllm.kv_cache_config.enable_block_reuse")).toBe("true");
    expect(flagValue(trtllm, "--trtllm.cache_transceiver_config")).toBe("none");
    expect(trtllm.join(" ")).not.toContain("cache_transceiver_config.backend");
  });
});

describe("limits of a prefill candidate", () => {
  it("[R071] are one prompt for each attention rank, uncut, since 0.8", () => {
    const limits = (backend: Backend, dialect: "0.6" | "0.8", ...flags: string[]) => {
      const { args } = worker(prefillOnly(base(backend, dialect), options(backend, "dep8", dialect)));
      return flags.map((flag) => flagValue(args, flag));
    };
    expect(limits("vllm", "0.8", "--max-num-seqs", "--max-num-batched-tokens")).toEqual(["8", "262144"]);
    expect(limits("vllm", "0.6", "--max-num-seqs")).toEqual([undefined]);
    expect(limits("sglang", "0.8", "--max-running-requests", "--chunked-prefill-size")).toEqual(["8", "262144"]);
    const [json] = limits("trtllm", "0.8", "--override-engine-args");
    expect(JSON.parse(json!)).toMatchObject({ max_batch_size: 8, max_num_tokens: 262144 });
  });

  it("SGLang's head is split with its attention ranks, and only then", () => {
    const args = (label: string) => worker(prefillOnly(base("sglang"), options("sglang", label))).args;
    expect(args("dep8")).toContain("--enable-dp-lm-head");
    expect(args("tp4")).not.toContain("--enable-dp-lm-head");
  });
});

it("settings in JSON stay in JSON, those in flags in flags", () => {
  const json = structuredClone(base("trtllm", "0.8"));
  const there = worker(decodeOnly(json, options("trtllm", "tp2", "1.0"))).args;
  expect(JSON.parse(flagValue(there, "--override-engine-args")!)).toMatchObject({ tensor_parallel_size: 2 });
  expect(there.join(" ")).not.toContain("--trtllm.");
  const flags = worker(decodeOnly(base("trtllm", "1.0"), options("trtllm", "tp2", "0.8"))).args;
  expect(flagValue(flags, "--trtllm.tensor_parallel_size")).toBe("2");
});

it("settings that are no JSON are refused", () => {
  const broken = structuredClone(base("trtllm", "0.8"));
  components(broken).decode!.container.args!.splice(0, 99, "--override-engine-args", "{not json");
  expect(() => decodeOnly(broken, options("trtllm"))).toThrow(/found --override-engine-args "\{not json"/);
});

describe("the frontend", () => {
  it("is at the port of its flag, else at 8000", () => {
    const dgd = structuredClone(base("vllm"));
    dgd.metadata!.name = "vllm-agg-3fa1";
    expect(frontendPort(dgd)).toBe(8000);
    components(dgd).Frontend!.container.args!.push("--http-port", "8123");
    expect(frontendUrl(dgd, "team")).toBe("http://vllm-agg-3fa1-frontend.team.svc.cluster.local:8123");
  });
});

it("deployments of candidates have names of their own", () => {
  expect(deploymentName(prefillOnly(base("vllm"), options("vllm")), "ab12")).toBe("vllm-agg-ab12");
  expect(prefillOnly(base("vllm"), { ...options("vllm"), name: "x" }).metadata!.name).toBe("x");
});
