import { EngineReports, type EngineSeat, type ReportHands } from "./engine-reports.ts";
import type { Simulation } from "./simulation.ts";

interface Granted {
  /** What the decode worker lacks of the prompt. */
  missingTokens: number;
  /** Place among all reservations: transfers that end at one instant end in this order. */
  order: number;
}

/** Reservations whose prompts are not computed yet, by request. */
export class Reservations {
  readonly #open = new Map<number, Granted>();
  #granted = 0;

  add(request: number, missingTokens: number): void {
    this.#open.set(request, { missingTokens, order: this.#granted++ });
  }

  take(request: number): Granted {
    const granted = this.#open.get(request)!;
    this.#open.delete(request);
    return granted;
  }
}

/**
 * Reports of engines whose requests have their pages on a decode worker before they are computed, as in DynoSim's SGLang: a reservation
 * that is granted sends the request to a prefill worker, and the computed prompt travels at once.
 */
export class ReservedFirstReports extends EngineReports {
  readonly #simulation: Simulation;
  readonly #hands: ReportHands;
  readonly #reservations: Reservations;

  /** @param reservations of all engines */
  constructor(simulation: Simulation, hands: ReportHands, seat: EngineSeat, reservations: Reservations) {
    super(simulation, hands, seat);
    this.#simulation = simulation;
    this.#hands = hands;
    this.#reservations = reservations;
  }

  override reserved(request: number, atMs: number, missingTokens: number): void {
    const { transfers } = this.#simulation.outcomes;
    if (transfers !== null) transfers.destinationReservedMs[request] = atMs;
    this.#reservations.add(request, missingTokens);
    this.#hands.handOver(request);
  }

  override held(request: number, atMs: number): void {
    this.computed(request, atMs);
    const { missingTokens, order } = this.#reservations.take(request);
    this.transferBegins(request, atMs, missingTokens, order);
  }
}
