import { describe, expect, it } from "vitest";
import { gpusOfDcgmMetrics } from "../../../src/profiler/discovery/dcgm.ts";
import { gpusOfKubernetesNodes } from "../../../src/profiler/discovery/kubernetes-nodes.ts";
import { selectGpus } from "../../../src/profiler/discovery/select-gpus.ts";
import { inferSku } from "../../../src/profiler/discovery/skus.ts";
import { mistake, readFlags, readText, spec } from "../config/read.ts";

interface Node {
  name: string;
  product?: string;
  memory?: number;
  count?: number;
  allocatable?: Record<string, string>;
  labels?: Record<string, string>;
}

function nodeList(...nodes: Node[]): string {
  const items = nodes.map(({ name, product, memory, count, allocatable, labels }) => ({
    kind: "Node",
    metadata: {
      name,
      labels: {
        ...(product === undefined ? {} : { "nvidia.com/gpu.product": product }),
        ...(memory === undefined ? {} : { "nvidia.com/gpu.memory": String(memory) }),
        ...(count === undefined ? {} : { "nvidia.com/gpu.count": String(count) }),
        ...labels,
      },
    },
    status: { allocatable: allocatable ?? {} },
  }));
  return JSON.stringify({ kind: "List", apiVersion: "v1", items });
}

const h100 = { product: "NVIDIA-H100-80GB-HBM3", memory: 81_559, count: 8 };
const l40s = { product: "NVIDIA-L40S", memory: 46_068, count: 4 };

/** Exposition of one GPU. */
function dcgm(node: string, gpu: number, name = "NVIDIA H200", more = ""): string {
  const labels = `gpu="${gpu}",UUID="GPU-${node}-${gpu}",modelName="${name}",Hostname="${node}"${more}`;
  return `DCGM_FI_DEV_FB_FREE{${labels}} 143000\nDCGM_FI_DEV_FB_USED{${labels}} 771\n`;
}

describe("GPUs of Kubernetes nodes", () => {
  it("[R162] are read off the labels of GPU feature discovery", () => {
    const found = gpusOfKubernetesNodes(nodeList({ name: "a", ...h100 }, { name: "cpu" }), "nodes.json");
    expect(found).toEqual([{ node: "a", count: 8, product: h100.product, memoryMib: 81_559 }]);
    expect(selectGpus(found, "nodes.json", { rule: "most-nodes" })).toMatchObject({
      gpuSku: "h100_sxm",
      vramMib: 81_559,
      gpusPerNode: 8,
      totalGpus: 8,
      nodes: 1,
      warnings: [],
    });
  });

  it("[R162] without labels are counted by what the node can allocate, and RDMA is seen", () => {
    const text = nodeList({ name: "a", allocatable: { "nvidia.com/gpu": "2", "rdma/hca_shared": "1" } });
    expect(gpusOfKubernetesNodes(text, "nodes.json")).toEqual([{ node: "a", count: 2, rdma: true }]);
    const { warnings, ...hardware } = selectGpus(gpusOfKubernetesNodes(text, "nodes.json"), "nodes.json", {
      rule: "most-gpus",
    });
    expect(hardware).toMatchObject({ gpusPerNode: 2, rdma: true });
    expect(hardware.gpuSku).toBeUndefined();
    expect(warnings[0]).toContain("--gpu");
  });

  it("[R162] of several kinds: most nodes count since 1.0, most GPUs a node before, and the others are named", () => {
    const found = gpusOfKubernetesNodes(
      nodeList({ name: "a", ...h100 }, { name: "b", ...l40s }, { name: "c", ...l40s }),
      "nodes.json",
    );
    const since = selectGpus(found, "nodes.json", { rule: "most-nodes" });
    expect(since).toMatchObject({ gpuSku: "l40s", totalGpus: 8, nodes: 2 });
    expect(since.warnings.join()).toContain(h100.product);
    expect(selectGpus(found, "nodes.json", { rule: "most-gpus" })).toMatchObject({ gpuSku: "h100_sxm", totalGpus: 8 });
    expect(selectGpus(found, "nodes.json", { rule: "most-nodes", gpuSku: "h100_sxm" })).toMatchObject({
      gpuSku: "h100_sxm",
    });
  });

  it("[R162] count up to 32, with a warning", () => {
    const nodes = Array.from({ length: 6 }, (_, i) => ({ name: `n${i}`, ...h100 }));
    const chosen = selectGpus(gpusOfKubernetesNodes(nodeList(...nodes), "nodes.json"), "nodes.json", {
      rule: "most-nodes",
    });
    expect(chosen.totalGpus).toBe(32);
    expect(chosen.warnings.join()).toMatch(/48 GPUs.*capped at 32/);
  });

  it.each([
    ["no JSON", "Name: a", "PROFILER_NODES_NOT_JSON"],
    ["something else", JSON.stringify({ kind: "Pod" }), "PROFILER_NOT_NODES"],
    ["a list of something else", JSON.stringify({ kind: "List", items: [{ kind: "Pod" }] }), "PROFILER_NOT_NODES"],
  ])("are not read out of %s", (_, text, code) => {
    const error = mistake(() => gpusOfKubernetesNodes(text, "nodes.json"));
    expect(error).toMatchObject({ code, hint: expect.stringContaining("kubectl get nodes -o json") });
    expect(error.where).toContain("nodes.json");
  });

  it("none of them is an error that tells what nodes need", () => {
    const error = mistake(() => selectGpus([], "nodes.json", { rule: "most-nodes" }));
    expect(error).toMatchObject({ code: "PROFILER_NO_GPUS", hint: expect.stringContaining("nvidia.com/gpu.product") });
    const found = gpusOfKubernetesNodes(nodeList({ name: "a", ...l40s }), "nodes.json");
    expect(
      mistake(() => selectGpus(found, "nodes.json", { rule: "most-nodes", gpuSku: "b200_sxm" })).message,
    ).toContain("NVIDIA-L40S");
  });
});

describe("GPUs of DCGM metrics", () => {
  it("[R162] are counted once each, with their memory", () => {
    const text = [0, 1].map((gpu) => dcgm("a", gpu)).join("");
    expect(gpusOfDcgmMetrics(text, "dcgm.txt")).toEqual([
      { node: "a", count: 2, product: "NVIDIA H200", memoryMib: 143_771 },
    ]);
  });

  it("[R162] with MIG are still one GPU, and NVLink counters tell how they are joined", () => {
    const text = `${dcgm("a", 0)}${dcgm("a", 0, "NVIDIA H200", ',GPU_I_ID="1",GPU_I_PROFILE="1g.18gb"')}DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL{gpu="0",UUID="GPU-a-0",modelName="NVIDIA H200",Hostname="a"} 12\n`;
    const found = gpusOfDcgmMetrics(text, "dcgm.txt");
    expect(found).toEqual([
      { node: "a", count: 1, product: "NVIDIA H200", memoryMib: 143_771, interconnect: "nvlink" },
    ]);
    expect(selectGpus(found, "dcgm.txt", { rule: "most-nodes" })).toMatchObject({
      gpuSku: "h200_sxm",
      interconnect: "nvlink",
    });
  });
});

describe("product names", () => {
  it.each([
    ["NVIDIA-H100-80GB-HBM3", "h100_sxm"],
    ["NVIDIA H100 PCIe", "h100_pcie"],
    ["NVIDIA-A100-SXM4-80GB", "a100_sxm"],
    ["NVIDIA A100 80GB PCIe", "a100_pcie"],
    ["NVIDIA-H200", "h200_sxm"],
    ["NVIDIA GB200", "gb200_sxm"],
    ["NVIDIA-L40S", "l40s"],
    ["NVIDIA L40", "l40"],
    ["Tesla V100-PCIE-32GB", "v100_pcie"],
    ["NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx_pro_6000_server"],
    ["AMD Instinct MI300X", "mi300"],
    ["NVIDIA GH200 480GB", undefined],
    ["NVIDIA GeForce RTX 4090", undefined],
  ])("[R162] %s means %s", (product, sku) => {
    expect(inferSku(product)).toBe(sku);
  });
});

describe("a request with discovery", () => {
  const files = { "nodes.json": nodeList({ name: "a", ...h100 }, { name: "b", ...h100 }) };

  it("[R162] fills in the hardware that it leaves out", () => {
    const request = readText(spec({ hardware: null }), { files, input: { nodes: "nodes.json" } });
    expect(request.hardware).toMatchObject({
      gpuSku: "h100_sxm",
      vramMib: 81_559,
      gpusPerNode: 8,
      totalGpus: 16,
      discovered: true,
    });
  });

  it("[R163] is not for an operator of one namespace", () => {
    const error = mistake(() => readText(spec(), { files, input: { nodes: "nodes.json", namespaceRestricted: true } }));
    expect(error).toMatchObject({ code: "PROFILER_DISCOVERY_REFUSED", where: "--nodes" });
    const none = mistake(() => readText(spec({ hardware: null }), { input: { namespaceRestricted: true } }));
    expect(none.message).toContain("set spec.hardware.{gpuSku,vramMb,numGpusPerNode} explicitly");
  });

  it("[R164] without discovery has defaults: eight GPUs a node, engines of 1 to 8", () => {
    const { hardware } = readFlags({ model: "own/model", backend: "vllm" });
    expect(hardware).toMatchObject({ gpusPerNode: 8, minGpusPerEngine: 1, maxGpusPerEngine: 8, discovered: false });
    expect(hardware.gpuSku).toBeUndefined();
  });
});
