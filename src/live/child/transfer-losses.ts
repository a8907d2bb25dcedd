import { type RandomStream, randomStream } from "#common";
import type { LostTransfer, TransferLoss } from "./protocol.ts";

interface Loss {
  left: number;
  probability: number;
}

/** Which KV transfers to the workers of this process are lost, and to which fault. */
export class TransferLosses {
  readonly #losses = new Map<number, Loss>();
  readonly #lost: { fault: number; requestId: string; atMs: number }[] = [];
  #random: RandomStream = randomStream(0, "lost transfers");

  seed(seed: number): void {
    this.#random = randomStream(seed, "lost transfers");
  }

  /** @param loss null: the fault loses no more */
  set(fault: number, loss: TransferLoss | null): void {
    this.#losses.set(fault, { left: loss?.next ?? 0, probability: loss?.probability ?? 0 });
  }

  /** Asked once for each transfer; of several faults the one that began first takes it. */
  next(requestId: string, nowMs: number): boolean {
    for (const [fault, loss] of this.#losses) {
      const isLost = loss.left > 0 || (loss.probability > 0 && this.#random.next() < loss.probability);
      if (!isLost) continue;
      if (loss.left > 0) loss.left--;
      this.#lost.push({ fault, requestId, atMs: nowMs });
      return true;
    }
    return false;
  }

  /** What was lost so far; `toUnixMs` is the clock's. */
  report(toUnixMs: (atMs: number) => number): LostTransfer[] {
    return this.#lost.map(({ atMs, ...lost }) => ({ ...lost, atUnixMs: toUnixMs(atMs) }));
  }
}
