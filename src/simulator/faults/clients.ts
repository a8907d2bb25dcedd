import type { ClientBehaviour } from "#scenarios";
import { RequestStatus } from "#src/record";
import { chance, Draw } from "./chance.ts";
import type { InFlight } from "./requests.ts";
import type { Stage } from "./stage.ts";

/** Clients that wait for ever, and try once. */
const PATIENT: ClientBehaviour = {
  timeoutMs: null,
  firstTokenTimeoutMs: null,
  retries: 0,
  backoffMs: 0,
  backoffFactor: 1,
  jitter: 0,
};

/** Who sends the requests: how long they wait for an answer, and how often they try again. */
export class Clients {
  readonly #stage: Stage;
  readonly #inFlight: InFlight;
  readonly #behaviour: ClientBehaviour;
  readonly #attempt: Uint8Array;

  constructor(stage: Stage, inFlight: InFlight) {
    this.#stage = stage;
    this.#inFlight = inFlight;
    this.#behaviour = stage.simulation.spec.clients ?? PATIENT;
    this.#attempt = new Uint8Array(stage.simulation.spec.workload.count);
    inFlight.onBroken = (request) => this.#failed(request);
  }

  /** An attempt begins. */
  sent(request: number): void {
    const { timeoutMs, firstTokenTimeoutMs } = this.#behaviour;
    const { firstTokenMs, secondTokenMs } = this.#stage.simulation.outcomes.table;
    firstTokenMs[request] = Number.NaN;
    secondTokenMs[request] = Number.NaN;
    if (timeoutMs !== null) this.#giveUpAfter(timeoutMs, request, () => true);
    if (firstTokenTimeoutMs !== null) {
      this.#giveUpAfter(firstTokenTimeoutMs, request, () => Number.isNaN(firstTokenMs[request]!));
    }
  }

  #giveUpAfter(afterMs: number, request: number, stillWaits: () => boolean): void {
    const attempt = this.#attempt[request];
    this.#stage.at(this.#stage.simulation.nowMs + afterMs, () => {
      if (!this.#inFlight.isIn(request) || this.#attempt[request] !== attempt || !stillWaits()) return;
      this.#inFlight.leave(request);
      this.#failed(request);
    });
  }

  /** An attempt has come to nothing. */
  #failed(request: number): void {
    const { retries, backoffMs, backoffFactor, jitter } = this.#behaviour;
    const { outcomes, spec, nowMs } = this.#stage.simulation;
    const { table } = outcomes;
    const attempt = this.#attempt[request]!;
    if (attempt >= retries) {
      table.status[request] = RequestStatus.failed;
      this.#stage.ended(request);
      return;
    }
    this.#attempt[request]!++;
    table.attempts[request]!++;
    const drawn = 1 + jitter * (2 * chance(spec.seed, Draw.clientWait, request, attempt) - 1);
    this.#stage.again(request, nowMs + backoffMs * backoffFactor ** attempt * drawn);
  }
}
