import type { Role } from "#planner/core";
import type { SourceWorker, SourceWorkers } from "../types.ts";

/** A worker as somebody describes it: its role and state are those that workers name themselves by. */
export interface WorkerDescription {
  /** What it is known by; default: its address. */
  name?: string;
  /** Null where it does not listen now. */
  url: string | null;
  role: string;
  state: string;
}

/** Numbers workers: each keeps its number for as long as it is there; one that comes later gets another. */
export class Roster {
  readonly #numbers = new Map<string, number>();
  readonly #next: Record<Role, number> = { prefill: 0, decode: 0 };

  /** Of several descriptions of a worker the last counts. One without name and address is nobody's. */
  of(descriptions: readonly WorkerDescription[], problems: readonly string[]): SourceWorkers {
    const found = new Map<string, SourceWorker>();
    for (const described of descriptions) {
      const role: Role = described.role === "prefill" ? "prefill" : "decode";
      const state = described.state === "ready" ? "active" : described.state === "draining" ? "draining" : "starting";
      const name = described.name ?? described.url;
      if (name !== null) found.set(name, { workerId: this.#numberOf(name, role), role, state, url: described.url });
    }
    for (const name of this.#numbers.keys()) if (!found.has(name)) this.#numbers.delete(name);
    const all = [...found.values()];
    return { workers: all, counts: { prefill: countsOf(all, "prefill"), decode: countsOf(all, "decode") }, problems };
  }

  #numberOf(name: string, role: Role): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#next[role]++;
    this.#numbers.set(name, number);
    return number;
  }
}

function countsOf(workers: readonly SourceWorker[], role: Role) {
  const count = (state: SourceWorker["state"]) =>
    workers.filter((worker) => worker.role === role && worker.state === state).length;
  return { active: count("active"), starting: count("starting"), draining: count("draining") };
}
