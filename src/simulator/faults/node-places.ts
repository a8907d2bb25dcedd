import type { WorkerLife } from "#src/record";

/**
 * Which workers are on which node: each is put on the first node that has room for it as it is made, one that needs more than a
 * node has takes whole empty ones. Nodes that were lost take no worker any more.
 * @param lives in the order in which workers were made; those that are gone by `nowMs` have left their place
 * @param lostAtMs when nodes were lost, by node
 * @returns places in `lives` of the workers on `node` that are there at `nowMs`
 */
export function workersOnNode(
  lives: readonly WorkerLife[],
  gpusOf: (life: WorkerLife) => number,
  gpusPerNode: number,
  node: number,
  nowMs: number,
  lostAtMs: ReadonlyMap<number, number>,
): number[] {
  const order = [...lives.keys()].sort((a, b) => lives[a]!.createdMs - lives[b]!.createdMs || a - b);
  const placed: { worker: number; nodes: number[] }[] = [];
  for (const worker of order) {
    const life = lives[worker]!;
    const used = new Map<number, number>();
    for (const other of placed) {
      const { removedMs } = lives[other.worker]!;
      if (removedMs !== null && removedMs <= life.createdMs) continue;
      const share = Math.min(gpusPerNode, gpusOf(lives[other.worker]!));
      for (const there of other.nodes) used.set(there, (used.get(there) ?? 0) + share);
    }
    const isLost = (candidate: number) => (lostAtMs.get(candidate) ?? Number.POSITIVE_INFINITY) <= life.createdMs;
    const needed = gpusOf(life);
    const nodes: number[] = [];
    for (let candidate = 0; nodes.length < Math.max(1, Math.ceil(needed / gpusPerNode)); candidate++) {
      const free = gpusPerNode - (used.get(candidate) ?? 0);
      if (!isLost(candidate) && free >= Math.min(needed, gpusPerNode)) nodes.push(candidate);
    }
    placed.push({ worker, nodes });
  }
  return placed
    .filter(({ worker, nodes }) => {
      const { removedMs, createdMs } = lives[worker]!;
      return nodes.includes(node) && createdMs <= nowMs && (removedMs === null || removedMs > nowMs);
    })
    .map(({ worker }) => worker);
}
