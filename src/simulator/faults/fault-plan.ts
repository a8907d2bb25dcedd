import type { Planner } from "#planner/core";
import { type Fault, faultEndMs, roleOf, type WorkerName } from "#scenarios/workload";
import type { FaultRecord, RoleName, WorkerLife } from "#src/record";
import type { PoolSpec } from "../types.ts";
import { NodePlaces } from "./node-places.ts";
import { PlannerFaults } from "./planner-faults.ts";
import { faultRecord } from "./records.ts";
import { StartUps } from "./start-ups.ts";

const ROLES: readonly RoleName[] = ["prefill", "decode"];

export type TransferFault = Extract<Fault, { kind: "loseTransfers" }>;
export type NetworkFault = Extract<Fault, { kind: "delayNetwork" }>;

/** A worker as faults find it. */
interface Mortal {
  readonly role: RoleName;
  readonly state: "starting" | "active" | "draining" | "removed";
  readonly life: WorkerLife;
}

/** The workers of a run by role, past and present, in the order in which they were made; null: the role is not played. */
type Pools<Worker> = Record<RoleName, { readonly spec: PoolSpec; readonly workers: readonly Worker[] } | null>;

/** How faults are carried out, in virtual time or on processes. Where something is returned, it ends what was begun. */
export interface FaultHands<Worker> {
  /** Calls `act` at `atMs` of the run's clock. */
  at(atMs: number, act: () => void): void;
  /** They die in one instant: none of them is removed yet. */
  kill(dying: readonly Worker[], record: FaultRecord): void;
  /** Passes of a worker, which is not removed, take so many times as long; Infinity: none begins. */
  setPace(worker: Worker, factor: number, record: FaultRecord): () => void;
  loseTransfers(fault: TransferFault, record: FaultRecord): () => void;
  delayNetwork(fault: NetworkFault, record: FaultRecord): () => void;
  /** One more worker starts in the place of one that died. */
  replace(role: RoleName): void;
}

/**
 * What a scenario's faults come to, whichever clock they are played on: when each begins and ends, whom it strikes, who is replaced,
 * what befalls starts and planner.
 */
export class FaultPlan<Worker extends Mortal> {
  /** In the order in which they begin. */
  readonly faults: readonly Fault[];
  /** Of the faults, by the same index. */
  readonly records: FaultRecord[];
  readonly planner: PlannerFaults;
  readonly startUps = new StartUps();
  readonly #pools: Pools<Worker>;
  readonly #nodes = new NodePlaces();
  /** Workers that died while nobody could replace them. */
  readonly #missing: Record<RoleName, number> = { prefill: 0, decode: 0 };

  /** @param newPlanner absent: a planner that is restarted forgets nothing */
  constructor(faults: readonly Fault[], pools: Pools<Worker>, newPlanner?: () => Planner) {
    this.faults = [...faults].sort((a, b) => a.atMs - b.atMs);
    this.records = this.faults.map(faultRecord);
    this.planner = new PlannerFaults(this.faults, this.records, newPlanner);
    this.#pools = pools;
  }

  /** Puts all faults on the clock. */
  schedule(hands: FaultHands<Worker>): void {
    this.faults.forEach((fault, i) => {
      hands.at(fault.atMs, () => {
        const untilMs = faultEndMs(fault);
        const end = this.#strike(fault, this.records[i]!, hands);
        if (end !== null && untilMs !== null) hands.at(untilMs, end);
      });
    });
  }

  /** @returns how it ends, where that takes something */
  #strike(fault: Fault, record: FaultRecord, hands: FaultHands<Worker>): (() => void) | null {
    switch (fault.kind) {
      case "kill":
        this.#kill([this.#find(fault.worker)], record, hands);
        return null;
      case "loseNode":
        this.#kill(
          fault.workers === null
            ? this.#loseNode(fault.gpusPerNode, fault.node, fault.atMs)
            : fault.workers.map((name) => this.#find(name)),
          record,
          hands,
        );
        return null;
      case "freeze":
        return this.#setPace(fault.worker, Number.POSITIVE_INFINITY, record, hands);
      case "slow":
        return this.#setPace(fault.worker, fault.factor, record, hands);
      case "failStartup":
      case "delayStartup":
        this.startUps.begin(fault, record);
        return () => this.startUps.end(fault);
      case "loseTransfers":
        return hands.loseTransfers(fault, record);
      case "delayNetwork":
        return hands.delayNetwork(fault, record);
      case "loseApiServer":
        return () => this.#replaceMissing(fault.atMs + fault.forMs, hands);
      default:
        return null;
    }
  }

  #find({ pool, index }: WorkerName): Worker | undefined {
    return this.#pools[roleOf(pool)]?.workers[index];
  }

  #loseNode(gpusPerNode: number, node: number, atMs: number): Worker[] {
    const workers = ROLES.flatMap((role) => this.#pools[role]?.workers ?? []);
    const gpusOf = ({ role }: WorkerLife) => this.#pools[role]!.spec.gpusPerWorker;
    return this.#nodes.lose(workers, gpusOf, gpusPerNode, node, atMs);
  }

  #kill(named: readonly (Worker | undefined)[], record: FaultRecord, hands: FaultHands<Worker>): void {
    const dying = [...new Set(named)].filter((worker): worker is Worker => worker !== undefined && isThere(worker));
    record.workers += dying.length;
    const replaced = dying.filter(({ state }) => state !== "draining");
    hands.kill(dying, record);
    for (const { role } of replaced) {
      if (this.planner.canAct(record.atMs)) hands.replace(role);
      else this.#missing[role]++;
    }
  }

  #setPace(name: WorkerName, factor: number, record: FaultRecord, hands: FaultHands<Worker>): (() => void) | null {
    const worker = this.#find(name);
    if (worker === undefined || !isThere(worker)) return null;
    record.workers++;
    return hands.setPace(worker, factor, record);
  }

  #replaceMissing(nowMs: number, hands: FaultHands<Worker>): void {
    if (!this.planner.canAct(nowMs)) return;
    for (const role of ROLES) for (; this.#missing[role] > 0; this.#missing[role]--) hands.replace(role);
  }
}

function isThere({ state }: Mortal): boolean {
  return state !== "removed";
}
