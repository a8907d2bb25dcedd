import type { WorkerLife } from "#src/record";

/** What is asked of a worker to tell which node it is on. */
interface Placed {
  readonly life: WorkerLife;
}

/** Which workers are on which node, and which nodes are there no more; on either clock. */
export class NodePlaces {
  /** When nodes were lost, ms, by GPUs of a node and node. */
  readonly #lostAtMs = new Map<number, Map<number, number>>();

  /**
   * A node is lost, and takes no worker any more.
   * @param workers in the order in which they were made, those that are gone as well
   * @param gpusOf GPUs of a worker
   * @returns who was on it at `atMs`
   */
  lose<Worker extends Placed>(
    workers: readonly Worker[],
    gpusOf: (life: WorkerLife) => number,
    gpusPerNode: number,
    node: number,
    atMs: number,
  ): Worker[] {
    const lost = this.#lostAtMs.get(gpusPerNode) ?? new Map<number, number>();
    const lives = workers.map(({ life }) => life);
    const there = workersOnNode(lives, gpusOf, gpusPerNode, node, atMs, lost).map((place) => workers[place]!);
    this.#lostAtMs.set(gpusPerNode, lost.set(node, Math.min(atMs, lost.get(node) ?? atMs)));
    return there;
  }
}

/**
 * Each worker is put on the first node that has room for it as it is made, one that needs more than a node has takes whole empty ones.
 * @param lives in the order in which workers were made; those that are gone by `nowMs` have left their place
 * @param lostAtMs when nodes were lost, by node
 * @returns places in `lives` of the workers on `node` that are there at `nowMs`
 */
function workersOnNode(
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
