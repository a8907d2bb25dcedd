import { type HeldLease, holdLease } from "#mocker/protocol";
import type { RunningWorker, WorkerHost } from "#mocker/worker";
import type { HostedReplica } from "./protocol.ts";

/**
 * From taking a lease back until no frontend sends a worker anything new, real ms: twice as long as frontends may take to look at
 * the folder where the file system doesn't tell them.
 */
const UNLISTED_MS = 2000;

interface Replica {
  name: string;
  workers: RunningWorker[];
  leases: HeldLease[];
  draining: boolean;
}

/** Replicas of a component that share a process. */
export class HostedReplicas {
  readonly #host: WorkerHost;
  readonly #registerDir: string | null;
  readonly #replicas = new Map<string, Replica>();

  constructor(host: WorkerHost, registerDir: string | null) {
    this.#host = host;
    this.#registerDir = registerDir;
  }

  list(): HostedReplica[] {
    return [...this.#replicas.values()].map(({ name, workers, draining }) => ({
      name,
      state: draining ? "draining" : isReady(workers) ? "ready" : "starting",
      url: workers[0]?.url ?? null,
    }));
  }

  /** Resolves when its workers listen. */
  async add(name: string, workers: number): Promise<void> {
    if (this.#replicas.has(name)) return;
    const replica: Replica = { name, workers: [], leases: [], draining: false };
    this.#replicas.set(name, replica);
    try {
      for (let i = 0; i < workers && !replica.draining; i++) {
        const [worker] = await this.#host.addWorkers(1, { id: workers === 1 ? name : `${name}-${i}` });
        if (worker === undefined) return;
        replica.workers.push(worker);
        await this.#announce(replica, worker);
      }
    } catch (error) {
      await this.#remove(replica);
      throw error;
    }
  }

  /** Resolves when it is gone. No request is lost but those that outlast `graceMs`. */
  async drain(name: string, graceMs: number): Promise<void> {
    const replica = this.#replicas.get(name);
    if (replica === undefined || replica.draining) return;
    replica.draining = true;
    await Promise.all(replica.leases.map((lease) => lease.release()));
    if (this.#registerDir !== null) await new Promise((resolve) => setTimeout(resolve, UNLISTED_MS));
    const timer = setTimeout(() => stopAll(replica), graceMs);
    await Promise.all(replica.workers.map((worker) => this.#host.drainWorker(worker.id)));
    clearTimeout(timer);
    this.#replicas.delete(name);
  }

  /** At once, with all that is under way. */
  async #remove(replica: Replica): Promise<void> {
    replica.draining = true;
    stopAll(replica);
    await Promise.all(replica.leases.map((lease) => lease.release()));
    await Promise.all(replica.workers.map((worker) => this.#host.drainWorker(worker.id)));
    this.#replicas.delete(replica.name);
  }

  /** Frontends that watch the folder are told that this process is going. */
  async releaseLeases(): Promise<void> {
    const leases = [...this.#replicas.values()].flatMap((replica) => replica.leases);
    await Promise.all(leases.map((lease) => lease.release()));
  }

  async #announce(replica: Replica, worker: RunningWorker): Promise<void> {
    if (this.#registerDir === null) return;
    const lease = await holdLease(this.#registerDir, () => worker.card());
    replica.leases.push(lease);
    if (replica.draining) await lease.release();
    void worker.worker.ready.then(() => lease.renew()).catch(() => {});
  }
}

function isReady(workers: readonly RunningWorker[]): boolean {
  return workers.length > 0 && workers.every(({ worker }) => worker.state === "ready");
}

function stopAll({ workers }: Replica): void {
  for (const { worker } of workers) worker.stop();
}
