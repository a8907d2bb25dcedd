import type { Role } from "#planner/core";
import type { SourceWorker, SourceWorkers } from "../types.ts";

/** A worker as somebody describes it: its role and state are those that workers name themselves by. */
export interface WorkerDescription {
  url: string;
  role: string;
  state: string;
}

/** Numbers workers: each keeps its number for as long as it is there; one that comes later gets another. */
export class Roster {
  readonly #numbers = new Map<string, number>();
  readonly #next: Record<Role, number> = { prefill: 0, decode: 0 };

  /** Of several descriptions of an address the last counts. */
  of(descriptions: readonly WorkerDescription[], problems: readonly string[]): SourceWorkers {
    const found = new Map<string, SourceWorker>();
    for (const described of descriptions) {
      const role: Role = described.role === "prefill" ? "prefill" : "decode";
      const state = described.state === "ready" ? "active" : described.state === "draining" ? "draining" : "starting";
      found.set(described.url, { workerId: this.#numberOf(described.url, role), role, state, url: described.url });
    }
    for (const url of this.#numbers.keys()) if (!found.has(url)) this.#numbers.delete(url);
    const all = [...found.values()];
    return { workers: all, counts: { prefill: countsOf(all, "prefill"), decode: countsOf(all, "decode") }, problems };
  }

  #numberOf(url: string, role: Role): number {
    const known = this.#numbers.get(url);
    if (known !== undefined) return known;
    const number = this.#next[role]++;
    this.#numbers.set(url, number);
    return number;
  }
}

function countsOf(workers: readonly SourceWorker[], role: Role) {
  const count = (state: SourceWorker["state"]) =>
    workers.filter((worker) => worker.role === role && worker.state === state).length;
  return { active: count("active"), starting: count("starting"), draining: count("draining") };
}
