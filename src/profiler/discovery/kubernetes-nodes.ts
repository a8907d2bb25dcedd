import { notJson, notNodes } from "./errors.ts";
import type { NodeGpus } from "./gpu-nodes.ts";

const PRODUCT = "nvidia.com/gpu.product";
const MEMORY = "nvidia.com/gpu.memory";
const COUNT = "nvidia.com/gpu.count";
const RESOURCE = "nvidia.com/gpu";
/** Labels of the network operator and of node feature discovery (15b3 is Mellanox' PCI vendor id). */
const RDMA_LABELS = ["feature.node.kubernetes.io/rdma.capable", "feature.node.kubernetes.io/pci-15b3.present"];

type Json = Record<string, unknown>;

/**
 * GPUs by the labels that GPU feature discovery gives nodes (`nvidia.com/gpu.product`, `.memory` in MiB, `.count`); where a node has no
 * count label, by its allocatable `nvidia.com/gpu`. Nodes without GPUs are left out.
 * @param text output of `kubectl get nodes -o json`, or one node
 * @throws UserError PROFILER_NODES_NOT_JSON, PROFILER_NOT_NODES
 */
export function gpusOfKubernetesNodes(text: string, where: string): NodeGpus[] {
  return nodesIn(text, where).flatMap((node, i) => {
    const metadata = asMap(node.metadata);
    const labels = asMap(metadata.labels);
    const status = asMap(node.status);
    const allocatable = asMap(status.allocatable);
    const count = wholeNumber(labels[COUNT]) ?? wholeNumber(allocatable[RESOURCE]) ?? 0;
    if (count === 0) return [];
    const product = typeof labels[PRODUCT] === "string" ? labels[PRODUCT] : "";
    const memoryMib = wholeNumber(labels[MEMORY]);
    const rdma = RDMA_LABELS.some((label) => labels[label] === "true") || Object.keys(allocatable).some(isRdma);
    return [
      {
        node: typeof metadata.name === "string" ? metadata.name : `node ${i + 1}`,
        count,
        ...(product === "" ? {} : { product }),
        ...(memoryMib === undefined ? {} : { memoryMib }),
        ...(rdma ? { rdma } : {}),
      },
    ];
  });
}

function nodesIn(text: string, where: string): Json[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw notJson(where, (error as Error).message);
  }
  const root = asMap(parsed);
  if (root.kind === "Node") return [root];
  if (!Array.isArray(root.items)) throw notNodes(where, typeof root.kind === "string" ? `a ${root.kind}` : "no items");
  const wrong = root.items.findIndex((item) => asMap(item).kind !== undefined && asMap(item).kind !== "Node");
  if (wrong >= 0) throw notNodes(`${where} (items[${wrong}])`, `a ${String(asMap(root.items[wrong]).kind)}`);
  return root.items.map(asMap);
}

function isRdma(resource: string): boolean {
  return /^rdma\/|\/.*(rdma|infiniband|roce)/i.test(resource);
}

function asMap(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** Labels are texts, quantities texts or numbers. */
function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
