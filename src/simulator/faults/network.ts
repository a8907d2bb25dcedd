import { chance, Draw, roleOf } from "#scenarios/workload";
import type { FaultRecord, RoleName } from "#src/record";
import type { NetworkFault } from "./fault-plan.ts";

/** How much longer messages are under way. */
export class Network {
  readonly #active = new Map<NetworkFault, { record: FaultRecord; touched: Set<number> }>();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  begin(fault: NetworkFault, record: FaultRecord): void {
    this.#active.set(fault, { record, touched: new Set() });
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
    for (const [fault, { record, touched }] of this.#active) {
      if (fault.pool !== "all" && roleOf(fault.pool) !== role) continue;
      delayMs += fault.byMs + fault.jitterMs * chance(this.#seed, Draw.messageDelay, request, attempt, step);
      record.requests = touched.add(request).size;
    }
    return delayMs;
  }
}
