import { noGpus } from "./errors.ts";
import type { NodeGpus } from "./gpu-nodes.ts";
import { inferSku } from "./skus.ts";

/** Most GPUs that a discovered budget has: it keeps the search small. */
export const DISCOVERED_GPUS_CAP = 32;

/** The hardware that a deployment is planned for, as it was found. */
export interface DiscoveredHardware {
  /** Of one kind of GPU; absent where the product name is unknown. */
  gpuSku?: string;
  product: string;
  /** Memory of one GPU, MiB. */
  vramMib?: number;
  gpusPerNode: number;
  /** Of all nodes with that GPU, at most 32. */
  totalGpus: number;
  nodes: number;
  interconnect?: "nvlink" | "pcie";
  rdma?: boolean;
  /** What was odd; one sentence each. */
  warnings: string[];
}

export interface SelectOptions {
  /** `most-gpus`: most GPUs a node, then most memory (0.6, 0.8). `most-nodes`: most nodes, then most memory (1.0). */
  rule: "most-gpus" | "most-nodes";
  /** Only these GPUs. */
  gpuSku?: string;
}

interface Group {
  sku: string | undefined;
  product: string;
  memoryMib: number;
  nodes: NodeGpus[];
}

/**
 * The kind of GPU to plan for, of all that were found. GPUs are of one kind where product and memory are the same; for `most-nodes`
 * where they have the same SKU.
 * @throws UserError PROFILER_NO_GPUS
 */
export function selectGpus(found: readonly NodeGpus[], where: string, options: SelectOptions): DiscoveredHardware {
  const wanted = canonical(options.gpuSku);
  const groups = groupsOf(found, options.rule).filter(
    (group) => wanted === undefined || canonical(group.sku) === wanted,
  );
  if (groups.length === 0) {
    const what = found.length === 0 ? "no node has any" : `nodes have ${[...new Set(found.map(nameOf))].join(", ")}`;
    throw noGpus(where, what, found.length === 0 ? undefined : options.gpuSku);
  }
  const size =
    options.rule === "most-gpus"
      ? (group: Group) => Math.max(...group.nodes.map((node) => node.count))
      : (group: Group) => new Set(group.nodes.map((node) => node.node)).size;
  // The first of equals wins, so that the order of nodes decides and nothing else.
  const best = groups.reduce((a, b) => ((size(b) - size(a) || b.memoryMib - a.memoryMib) > 0 ? b : a));
  return describe(best, groups, where);
}

function groupsOf(found: readonly NodeGpus[], rule: SelectOptions["rule"]): Group[] {
  const groups = new Map<string, Group>();
  for (const node of found) {
    const product = node.product ?? "";
    const sku = inferSku(product);
    const memoryMib = node.memoryMib ?? 0;
    const key = rule === "most-nodes" && sku !== undefined ? sku : JSON.stringify([product, memoryMib]);
    const group = groups.get(key) ?? { sku, product, memoryMib, nodes: [] };
    // Of cards with the same SKU the smallest memory is what all of them have.
    if (memoryMib > 0) group.memoryMib = group.memoryMib > 0 ? Math.min(group.memoryMib, memoryMib) : memoryMib;
    group.nodes.push(node);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function describe(best: Group, groups: readonly Group[], where: string): DiscoveredHardware {
  const warnings: string[] = [];
  const counts = best.nodes.map((node) => node.count);
  const gpusPerNode = Math.max(...counts);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const name = best.product === "" ? "GPUs without a product name" : best.product;
  if (best.sku === undefined) {
    warnings.push(`${where}: found ${name}, which is no GPU that we know; name one by --gpu or hardware.gpuSku`);
  }
  if (groups.length > 1) {
    const others = groups.filter((group) => group !== best).map((group) => group.product || "others");
    warnings.push(`${where}: several kinds of GPU; ${name} counts, ${others.join(", ")} do not`);
  }
  if (all > DISCOVERED_GPUS_CAP) {
    warnings.push(
      `${where}: found ${all} GPUs; totalGpus is capped at ${DISCOVERED_GPUS_CAP}, set it to plan for more`,
    );
  }
  const interconnects = best.nodes.map((node) => node.interconnect);
  const hardware: DiscoveredHardware = {
    product: best.product,
    gpusPerNode,
    totalGpus: Math.min(all, DISCOVERED_GPUS_CAP),
    nodes: new Set(best.nodes.map((node) => node.node)).size,
    warnings,
  };
  if (best.sku !== undefined) hardware.gpuSku = best.sku;
  if (best.memoryMib > 0) hardware.vramMib = best.memoryMib;
  if (interconnects.includes("nvlink")) hardware.interconnect = "nvlink";
  else if (interconnects.includes("pcie")) hardware.interconnect = "pcie";
  if (best.nodes.some((node) => node.rdma)) hardware.rdma = true;
  return hardware;
}

function nameOf(node: NodeGpus): string {
  return node.product ?? "unnamed ones";
}

/** The estimator's name of GB200 stands without the form. */
function canonical(sku: string | undefined): string | undefined {
  return sku === "gb200" ? "gb200_sxm" : sku;
}
