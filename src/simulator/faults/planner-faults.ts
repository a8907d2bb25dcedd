import type { Decision, Observation, Planner } from "#planner/core";
import { type Fault, faultGoesOn } from "#scenarios/workload";
import type { FaultRecord } from "#src/record";
import { MetricsView } from "./metrics-view.ts";

const NO_API_SERVER = {
  code: "api-server-down",
  role: null,
  text: "the API server did not answer: nothing was scaled",
} as const;

/** What keeps a planner from seeing, thinking or acting; in virtual time and on the wall clock. */
export class PlannerFaults {
  readonly #faults: readonly Fault[];
  readonly #records: readonly FaultRecord[];
  readonly #metrics: MetricsView;
  readonly #newPlanner: (() => Planner) | undefined;
  /** Restarts that the planner has yet to go through, in order of time. */
  readonly #restartsMs: number[];
  /** The planner that took the place of the one that forgot. */
  #successor: Planner | null = null;

  /** @param records of the faults, by the same index @param newPlanner absent: a planner that is restarted forgets nothing */
  constructor(faults: readonly Fault[], records: readonly FaultRecord[], newPlanner?: () => Planner) {
    this.#faults = faults;
    this.#records = records;
    this.#metrics = new MetricsView(faults);
    this.#newPlanner = newPlanner;
    const restarts = faults.filter(({ kind }) => kind === "restartPlanner");
    this.#restartsMs = restarts.map(({ atMs }) => atMs).sort((a, b) => a - b);
  }

  /** Decisions are carried out, and what dies is replaced. */
  canAct(nowMs: number): boolean {
    return this.#under("loseApiServer", nowMs).length === 0;
  }

  /**
   * @param actual to be handed in at every tick, in order of time
   * @returns what the planner decides of what it can see; null where it is down
   */
  tick(planner: Planner, actual: Observation): Decision | null {
    const { nowMs } = actual;
    const seen = this.#metrics.see(actual);
    const distorting: readonly Fault[] = this.#metrics.active(nowMs);
    this.#faults.forEach((fault, i) => {
      if (distorting.includes(fault)) this.#records[i]!.ticks++;
    });
    const restarting = this.#under("restartPlanner", nowMs);
    for (const record of restarting) record.ticks++;
    if (restarting.length > 0) return null;
    const forgets = this.#restartsMs.length > 0 && this.#restartsMs[0]! <= nowMs;
    while (this.#restartsMs.length > 0 && this.#restartsMs[0]! <= nowMs) this.#restartsMs.shift();
    if (forgets) this.#successor = this.#newPlanner?.() ?? null;
    const decision = (this.#successor ?? planner).tick(seen);
    const unheard = this.#under("loseApiServer", nowMs);
    if (unheard.length === 0 || decision.targets === null) return decision;
    for (const record of unheard) record.ticks++;
    return { ...decision, reasons: [...decision.reasons, NO_API_SERVER] };
  }

  /** What notes the faults of a kind that go on at a time. */
  #under(kind: "restartPlanner" | "loseApiServer", nowMs: number): FaultRecord[] {
    return this.#records.filter((_, i) => {
      const fault = this.#faults[i]!;
      return fault.kind === kind && faultGoesOn(fault, nowMs);
    });
  }
}
