import { type RandomStream, randomStream } from "#common";
import type { LostTransfers, TransferLoss } from "./protocol.ts";

interface Loss {
  left: number;
  probability: number;
  lost: number;
  lastMs: number;
}

/** Which KV transfers to the workers of this process are lost, and to which fault. */
export class TransferLosses {
  readonly #losses = new Map<number, Loss>();
  #random: RandomStream = randomStream(0, "lost transfers");

  seed(seed: number): void {
    this.#random = randomStream(seed, "lost transfers");
  }

  /** @param loss null: the fault loses no more */
  set(fault: number, loss: TransferLoss | null): void {
    const { lost, lastMs } = this.#losses.get(fault) ?? { lost: 0, lastMs: Number.NaN };
    this.#losses.set(fault, { left: loss?.next ?? 0, probability: loss?.probability ?? 0, lost, lastMs });
  }

  /** Asked once for each transfer; of several faults the one that began first takes it. */
  next(nowMs: number): boolean {
    for (const loss of this.#losses.values()) {
      const isLost = loss.left > 0 || (loss.probability > 0 && this.#random.next() < loss.probability);
      if (!isLost) continue;
      if (loss.left > 0) loss.left--;
      loss.lost++;
      loss.lastMs = nowMs;
      return true;
    }
    return false;
  }

  /** What each fault lost so far; `toUnixMs` is the clock's. */
  report(toUnixMs: (atMs: number) => number): LostTransfers[] {
    return [...this.#losses]
      .filter(([, { lost }]) => lost > 0)
      .map(([fault, { lost, lastMs }]) => ({ fault, lost, lastUnixMs: toUnixMs(lastMs) }));
  }
}
