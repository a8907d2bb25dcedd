import { chance, Draw, roleOf } from "#scenarios/workload";
import type { FaultRecord, RoleName } from "#src/record";
import type { NetworkFault } from "./fault-plan.ts";
import type { TouchedRequests } from "./touched.ts";

/** How much longer messages are under way. */
export class Network {
  readonly #active = new Map<NetworkFault, FaultRecord>();
  readonly #touched: TouchedRequests;
  readonly #seed: number;

  constructor(touched: TouchedRequests, seed: number) {
    this.#touched = touched;
    this.#seed = seed;
  }

  begin(fault: NetworkFault, record: FaultRecord): void {
    this.#active.set(fault, record);
  }

  end(fault: NetworkFault): void {
    this.#active.delete(fault);
  }

  /**
   * @param step tells messages of one request apart
   * @returns ms on top of what it takes anyhow
   */
  delayMs(role: RoleName, request: number, attempt: number, step: number): number {
    let delayMs = 0;
    for (const [fault, record] of this.#active) {
      if (fault.pool !== "all" && roleOf(fault.pool) !== role) continue;
      delayMs += fault.byMs + fault.jitterMs * chance(this.#seed, Draw.messageDelay, request, attempt, step);
      this.#touched.add(record, request);
    }
    return delayMs;
  }
}
