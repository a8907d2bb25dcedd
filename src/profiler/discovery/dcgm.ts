import { type MetricFamily, parsePrometheus } from "#common/prometheus";
import type { NodeGpus } from "./gpu-nodes.ts";

/** Frame buffer of a GPU in MiB; older exporters have its parts alone. */
const TOTAL = "DCGM_FI_DEV_FB_TOTAL";
const PARTS = ["DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_RESERVED"];

interface Gpu {
  node: string;
  product: string;
  totalMib?: number;
  partsMib: number;
  nvlink?: boolean;
}

/**
 * GPUs by the metrics of DCGM exporters, those of several nodes one after the other. Each GPU counts once, by its UUID (or number) and
 * host, whatever MIG instances it has.
 * @throws UserError COMMON_BAD_METRICS with line and column
 */
export function gpusOfDcgmMetrics(text: string, where: string): NodeGpus[] {
  const gpus = new Map<string, Gpu>();
  for (const family of parsePrometheus(text, where).values()) {
    if (family.name.startsWith("DCGM_")) readFamily(family, gpus);
  }
  const groups = new Map<string, NodeGpus>();
  for (const { node, product, totalMib, partsMib, nvlink } of gpus.values()) {
    const memoryMib = Math.round(totalMib ?? partsMib);
    const key = JSON.stringify([node, product, memoryMib]);
    const group = groups.get(key);
    if (group !== undefined) {
      group.count++;
      continue;
    }
    groups.set(key, {
      node,
      count: 1,
      ...(product === "" ? {} : { product }),
      ...(memoryMib > 0 ? { memoryMib } : {}),
      ...(nvlink === undefined ? {} : { interconnect: nvlink ? "nvlink" : "pcie" }),
    });
  }
  return [...groups.values()];
}

function readFamily(family: MetricFamily, gpus: Map<string, Gpu>): void {
  for (const { labels, value } of family.samples) {
    const id = labels.UUID ?? labels.uuid ?? labels.gpu;
    if (id === undefined) continue;
    const node = labels.Hostname ?? labels.hostname ?? labels.node ?? labels.instance ?? "node";
    const key = JSON.stringify([node, id]);
    const gpu = gpus.get(key) ?? { node, product: labels.modelName ?? labels.model_name ?? "", partsMib: 0 };
    gpus.set(key, gpu);
    // A MIG instance has numbers of its own.
    if (labels.GPU_I_ID !== undefined && labels.GPU_I_ID !== "") continue;
    if (family.name === TOTAL) gpu.totalMib = value;
    else if (PARTS.includes(family.name)) gpu.partsMib += value;
    else if (/NVLINK/.test(family.name)) gpu.nvlink = gpu.nvlink === true || value > 0;
  }
}
