import type { Decision, Observation, Planner } from "#planner/core";
import type { Fault } from "#scenarios";
import type { FaultRecord } from "#src/record";
import { MetricsView } from "./metrics-view.ts";

type PlannerFault = Extract<Fault, { kind: "restartPlanner" | "loseApiServer" }>;

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
  /** Faults that go on, by what they note. */
  readonly #plannerDown = new Set<FaultRecord>();
  readonly #apiDown = new Set<FaultRecord>();
  #forgotten = false;
  /** The planner that took the place of the one that forgot. */
  #successor: Planner | null = null;

  /** @param records of the faults, by the same index @param newPlanner absent: a planner that is restarted forgets nothing */
  constructor(faults: readonly Fault[], records: readonly FaultRecord[], newPlanner?: () => Planner) {
    this.#faults = faults;
    this.#records = records;
    this.#metrics = new MetricsView(faults);
    this.#newPlanner = newPlanner;
  }

  begin(fault: PlannerFault, record: FaultRecord): void {
    if (fault.kind === "restartPlanner") this.#forgotten = true;
    this.#ofKind(fault).add(record);
  }

  end(fault: PlannerFault, record: FaultRecord): void {
    this.#ofKind(fault).delete(record);
  }

  /** Decisions are carried out, and what dies is replaced. */
  get canAct(): boolean {
    return this.#apiDown.size === 0;
  }

  /** @param actual to be handed in at every tick @returns what the planner decides of what it can see; null where it is down */
  tick(planner: Planner, actual: Observation): Decision | null {
    const seen = this.#metrics.see(actual);
    const distorting = this.#metrics.active(actual.nowMs);
    this.#faults.forEach((fault, i) => {
      if (distorting.includes(fault)) this.#records[i]!.ticks++;
    });
    if (this.#plannerDown.size > 0) {
      for (const record of this.#plannerDown) record.ticks++;
      return null;
    }
    if (this.#forgotten) this.#successor = this.#newPlanner?.() ?? null;
    this.#forgotten = false;
    const decision = (this.#successor ?? planner).tick(seen);
    if (this.canAct || decision.targets === null) return decision;
    for (const record of this.#apiDown) record.ticks++;
    return { ...decision, reasons: [...decision.reasons, NO_API_SERVER] };
  }

  #ofKind({ kind }: PlannerFault): Set<FaultRecord> {
    return kind === "restartPlanner" ? this.#plannerDown : this.#apiDown;
  }
}
