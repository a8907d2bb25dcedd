import { EngineReports, type EngineSeat, type ReportHands } from "./engine-reports.ts";
import type { Simulation } from "./simulation.ts";

/**
 * Reports of engines whose requests have their pages on a decode worker before they are computed, as in DynoSim's SGLang: a reservation
 * that is granted sends the request to a prefill worker, and the computed prompt travels at once.
 */
export class ReservedFirstReports extends EngineReports {
  readonly #simulation: Simulation;
  readonly #hands: ReportHands;
  readonly #missingTokens: Map<number, number>;

  /** @param missingTokens by request, what its decode worker lacks: of all engines */
  constructor(simulation: Simulation, hands: ReportHands, seat: EngineSeat, missingTokens: Map<number, number>) {
    super(simulation, hands, seat);
    this.#simulation = simulation;
    this.#hands = hands;
    this.#missingTokens = missingTokens;
  }

  override reserved(request: number, atMs: number, missingTokens: number): void {
    const { transfers } = this.#simulation.outcomes;
    if (transfers !== null) transfers.destinationReservedMs[request] = atMs;
    this.#missingTokens.set(request, missingTokens);
    this.#hands.handOver(request);
  }

  override held(request: number, atMs: number): void {
    this.computed(request, atMs);
    const missingTokens = this.#missingTokens.get(request)!;
    this.#missingTokens.delete(request);
    this.transferBegins(request, atMs, missingTokens);
  }
}
